"""Where each sound block belongs on the true clock: one rule for the container, the reader and the display.

Blocks come with a sample count (exact, but on the sound card's own oscillator, which is up to some hundred parts per
million off) and a capture time (on the run's clock, but some milliseconds uncertain). Following the count alone drifts
away by a second an hour; following the times alone tears the sound at every block. So a delay-locked loop averages the
times (Adriaensen, "Using a DLL to filter time", Linux Audio Conference 2005), and the count is followed as long as it
stays within ``TOLERANCE_NS`` of them. Beyond, each block is made a little shorter or longer, so slightly that nobody
hears it, until both agree. Only a jump of the times is followed by a jump.
"""

from __future__ import annotations

import math

TOLERANCE_NS = 8_000_000
"""Beyond, blocks are stretched; with what the loop is off by, images and sound stay within 20 ms."""
JUMP_NS = 100_000_000
"""No drift comes to this between two blocks: the device was stopped, or its clock set."""

_IN_STEP_NS = 1_000_000
_CATCH_UP_NS = 3_000_000_000
_MOST_STRETCH = 0.01  # of pitch: a sixth of a semitone, and only while far off
_FIRST_HZ, _LAST_HZ = 0.5, 0.05
"""Bandwidth of the loop: wide at first, to find the rate, then narrow, to average the jitter away."""
_DAMPING = math.sqrt(2.0)  # critical, in Adriaensen's form


class SoundClock:
    """Places blocks, in the order in which they were captured, on a line of true time that begins with the first one.

    Attributes:
        drift_ppm: how much faster than its nominal rate the sound card runs, in parts per million; 0 in the first
            seconds, while it is not known.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self._sample_rate_hz = sample_rate_hz
        self._nominal_ns = 1e9 / sample_rate_hz  # a sample
        self._origin_ns: int | None = None
        self._next_sample = 0
        self._position = 0.0  # samples
        self._loop_ns = 0.0  # when the next sample is due, by the loop; since the origin
        self._sample_ns = self._nominal_ns
        self._heard_s = 0.0
        self._catching_up = False

    @property
    def drift_ppm(self) -> float:
        """See the class."""
        return 0.0 if self._heard_s < 2 / _FIRST_HZ else (self._nominal_ns / self._sample_ns - 1.0) * 1e6

    def place(self, first_sample: int, captured_ns: int, count: int) -> tuple[float, float]:
        """Where the block begins and ends, in samples of the nominal rate since the first block began; at least 0.

        Args:
            first_sample: of the block (see ``AudioBlock``).
            captured_ns: of the block.
            count: samples in it.
        """
        if self._origin_ns is None:
            self._origin_ns, self._next_sample = captured_ns, first_sample
        missing = max(first_sample - self._next_sample, 0)
        self._position += missing
        begins_ns = self._follow(captured_ns - self._origin_ns, missing, count)
        behind_ns = begins_ns - self._position * self._nominal_ns
        if abs(behind_ns) > JUMP_NS:
            self._position = max(begins_ns / self._nominal_ns, 0.0)
            behind_ns, self._catching_up = 0.0, False
        self._catching_up = abs(behind_ns) > (_IN_STEP_NS if self._catching_up else TOLERANCE_NS)
        stretch = 0.0
        if self._catching_up:
            stretch = min(max(behind_ns / _CATCH_UP_NS, -_MOST_STRETCH), _MOST_STRETCH)
        start = self._position
        self._position = start + count * (1.0 + stretch)
        self._next_sample = first_sample + count
        return start, self._position

    def _follow(self, measured_ns: float, missing: int, count: int) -> float:
        """When the block began, by the loop, in nanoseconds since the origin."""
        self._loop_ns += missing * self._sample_ns
        error_ns = measured_ns - self._loop_ns
        if abs(error_ns) > JUMP_NS:
            self._loop_ns, error_ns = measured_ns, 0.0
        length_s = count / self._sample_rate_hz
        self._heard_s += length_s
        bandwidth_hz = max(_LAST_HZ, _FIRST_HZ / (1.0 + self._heard_s))
        omega = min(2 * math.pi * bandwidth_hz * length_s, 0.5)
        begins_ns = self._loop_ns + _DAMPING * omega * error_ns
        self._sample_ns += omega**2 * error_ns / count
        self._loop_ns = begins_ns + count * self._sample_ns
        return begins_ns
