"""The one clock of a run."""

import time


class MonotonicClock:
    """``time.perf_counter_ns``: unaffected by steps of the system's time."""

    def now_ns(self) -> int:
        return time.perf_counter_ns()
