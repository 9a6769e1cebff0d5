"""How long each stage takes: over the last seconds for the window, over the whole run for the report.

A histogram with bins of one per cent keeps memory flat however long a run is.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from assistant.snapshot import StageLatency

_SHORTEST_MS = 0.001
_BIN_RATIO = 1.01
_BINS = 2100  # up to 1.2 million milliseconds
_RECENT = 150  # five seconds at 30 frames a second


class LatencyLog:
    """Latencies by stage. Threads may add and ask at the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._recent: dict[str, deque[float]] = {}
        self._counts: dict[str, np.ndarray[tuple[int], np.dtype[np.int64]]] = {}

    def add(self, stage: str, duration_ns: int) -> None:
        """Note that ``stage`` took so long once."""
        milliseconds = max(duration_ns / 1e6, _SHORTEST_MS)
        place = min(int(math.log(milliseconds / _SHORTEST_MS) / math.log(_BIN_RATIO)), _BINS - 1)
        with self._lock:
            if stage not in self._counts:
                self._recent[stage] = deque(maxlen=_RECENT)
                self._counts[stage] = np.zeros(_BINS, dtype=np.int64)
            self._recent[stage].append(milliseconds)
            self._counts[stage][place] += 1

    def recent(self) -> dict[str, StageLatency]:
        """Percentiles over the last 150 entries of each stage, in the order in which stages first came."""
        with self._lock:
            recent = {stage: list(values) for stage, values in self._recent.items()}
        return {stage: StageLatency(*_rounded(_percentiles(sorted(values)))) for stage, values in recent.items()}

    def whole_run(self, stage: str) -> StageLatency | None:
        """Percentiles over the whole run, to one per cent; None when the stage never ran."""
        with self._lock:
            counts = self._counts.get(stage)
            cumulated = None if counts is None else np.cumsum(counts)
        if cumulated is None:
            return None
        places = [int(np.searchsorted(cumulated, share * cumulated[-1])) for share in (0.50, 0.95, 0.99)]
        return StageLatency(*_rounded(_SHORTEST_MS * _BIN_RATIO ** (place + 0.5) for place in places))

    def whole_run_by_stage(self) -> dict[str, StageLatency]:
        """The same for every stage, in the order in which stages first came."""
        with self._lock:
            stages = list(self._counts)
        found = {stage: self.whole_run(stage) for stage in stages}
        return {stage: latency for stage, latency in found.items() if latency is not None}


def _percentiles(ordered: Sequence[float]) -> Iterator[float]:
    """50th, 95th and 99th, between neighbours as NumPy does, in a tenth of its time for so few: a window asks often."""
    for share in (0.50, 0.95, 0.99):
        place = share * (len(ordered) - 1)
        below = int(place)
        above = min(below + 1, len(ordered) - 1)
        yield ordered[below] + (place - below) * (ordered[above] - ordered[below])


def _rounded(values: Iterable[float]) -> list[float]:
    return [round(float(value), 2) for value in values]
