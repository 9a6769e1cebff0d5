"""Where each sound block belongs on the true clock: one rule for the container's timestamps and for the reader.

Blocks come with a sample count (exact, but on the sound card's own oscillator) and a capture time (on the run's clock,
but a few milliseconds uncertain). Following the count alone drifts away; following the times alone tears the sound at
every block. So the count is followed until the two disagree by more than ``TOLERANCE_NS``; then the time wins, once.
"""

from __future__ import annotations

TOLERANCE_NS = 40_000_000
"""Larger than a sound card's jitter, smaller than what lip reading or frame matching notices."""


class SoundClock:
    """Places blocks, in the order in which they were captured, on a line of samples that begins with the first one."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._sample_rate_hz = sample_rate_hz
        self._origin_ns: int | None = None
        self._next_position = 0
        self._next_sample = 0

    def place(self, first_sample: int, captured_ns: int, count: int) -> int:
        """Position of the block's first sample, in samples since the first block's first sample; at least 0."""
        if self._origin_ns is None:
            self._origin_ns = captured_ns
            self._next_sample = first_sample
        by_count = self._next_position + max(first_sample - self._next_sample, 0)
        by_time = max((captured_ns - self._origin_ns) * self._sample_rate_hz // 1_000_000_000, 0)
        disagreement_ns = abs(by_time - by_count) * 1_000_000_000 // self._sample_rate_hz
        position = by_time if disagreement_ns > TOLERANCE_NS else by_count
        self._next_position = position + count
        self._next_sample = first_sample + count
        return position
