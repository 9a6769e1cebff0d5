"""Latency percentiles: recent and over the whole run, in flat memory."""

import numpy as np

from assistant.latency import LatencyLog


def test_percentiles_of_a_whole_run_are_right_to_one_per_cent() -> None:
    durations_ns = np.random.default_rng(3).lognormal(np.log(20e6), 0.7, 5000).astype(int)
    log = LatencyLog()
    for duration_ns in durations_ns:
        log.add("total", int(duration_ns))
    found = log.whole_run("total")
    assert found is not None
    expected = np.percentile(durations_ns / 1e6, (50, 95, 99))
    np.testing.assert_allclose((found.p50, found.p95, found.p99), expected, rtol=0.02)


def test_recent_percentiles_are_numpys() -> None:
    durations_ms = np.random.default_rng(4).lognormal(3, 0.7, 150)
    for count in (1, 2, 3, 150):
        log = LatencyLog()
        for duration_ms in durations_ms[:count]:
            log.add("total", round(duration_ms * 1e6))
        found = log.recent()["total"]
        expected = np.percentile(durations_ms[:count], (50, 95, 99))
        np.testing.assert_allclose((found.p50, found.p95, found.p99), expected, atol=0.006)


def test_a_whole_run_is_told_by_stage_in_the_order_of_the_path() -> None:
    log = LatencyLog()
    for stage, duration_ms in (("waiting", 1), ("inference", 9), ("total", 10)):
        log.add(stage, duration_ms * 1_000_000)
    assert list(log.whole_run_by_stage()) == ["waiting", "inference", "total"]
    assert log.whole_run_by_stage()["inference"] == log.whole_run("inference")


def test_recent_percentiles_forget() -> None:
    log = LatencyLog()
    for _ in range(1000):
        log.add("inference", 500_000_000)
    for _ in range(150):
        log.add("inference", 10_000_000)
    assert log.recent()["inference"].p99 == 10.0
    whole = log.whole_run("inference")
    assert whole is not None and whole.p50 > 450


def test_extremes_do_not_break_it() -> None:
    log = LatencyLog()
    log.add("total", 0)
    log.add("total", 10**18)
    assert log.whole_run("total") is not None
    assert log.whole_run("unknown") is None
