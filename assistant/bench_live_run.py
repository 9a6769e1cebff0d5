"""One measured live run in a process of its own, between two measurements of bare inference on the same frames.

``sonocue bench live`` starts it as ``python -m assistant.bench_live_run SETTINGS``, a JSON object with the fields of
``LiveBench``. The window wants the main thread; a thread ``bench`` looks at processor time and memory meanwhile.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from assistant.admission import load_engine
from assistant.bench_live import LiveBench
from assistant.bundle import read_bundle
from assistant.clock import MonotonicClock
from assistant.config import load_config
from assistant.contracts import DeviceInfo, Frame, Guidance
from assistant.errors import ConfigError, EndOfStream, SonocueError
from assistant.model_contracts import Backend, ModelBundle
from assistant.open_sources import create_device
from assistant.pipeline import start_run
from assistant.plugin_loader import load_plugin
from assistant.preprocess import Preprocessor
from assistant.process_watch import ProcessorTime, memory_mb, processor_time, shares_of_a_core
from assistant.run import Run
from assistant.virtual_screen import any_screen

_KEPT_FRAMES = 24
_BARE_ROUNDS = 4
_PACED_ROUNDS = 2
_LOOK_EVERY_S = 0.25
_WARM_UP_S = 1.0
"""Of the run, before processor time and memory are looked at."""


def measure(settings: LiveBench) -> dict[str, Any]:
    """All figures of one run (documented in ``docs/commands.md``).

    Raises:
        SonocueError: it cannot be run here.
    """
    frames, info = _kept_frames(settings.source, settings.seconds)
    bundle = read_bundle(Path(settings.model))
    engine = load_engine(bundle, settings.backends, settings.threads)
    try:
        before_ms, paced_before_ms = _bare_ms(bundle, engine.backend, info, frames)
        with tempfile.TemporaryDirectory(prefix="sonocue-bench-") as folder:
            found = _live(settings, Path(folder))
        after_ms, paced_after_ms = _bare_ms(bundle, engine.backend, info, frames)
    finally:
        engine.backend.close()
    bare_ms = float(np.median([*before_ms, *after_ms]))
    found["bare_ms"] = {
        "p50": round(bare_ms, 3),
        "before": round(float(np.median(before_ms)), 3),
        "after": round(float(np.median(after_ms)), 3),
    }
    paced_ms = float(np.median([*paced_before_ms, *paced_after_ms]))
    found["bare_paced_ms"] = {"p50": round(paced_ms, 3)}
    guided_ms = found["frame_to_guidance_ms"]
    found["times_bare"] = None if guided_ms is None else round(guided_ms["p50"] / bare_ms, 3)
    found["times_bare_paced"] = None if guided_ms is None else round(guided_ms["p50"] / paced_ms, 3)
    return found


def _kept_frames(source: str, seconds: float) -> tuple[list[Frame], DeviceInfo]:
    """Frames spread over what the run will see, from the same source unpaced."""
    with closing(create_device(source, paced=False, consent=False)) as device:
        info = device.open(MonotonicClock())
        every = max(int(seconds * (info.fps or 30.0)) // _KEPT_FRAMES, 1)
        kept: list[Frame] = []
        while len(kept) < _KEPT_FRAMES:
            try:
                item = device.read("video", 1.0)
            except EndOfStream:
                break
            if isinstance(item, Frame) and item.index % every == 0:
                kept.append(item)
    if not kept:
        raise ConfigError(f"source '{source}' gave no frame: expected images to measure with")
    return kept, info


def _bare_ms(
    bundle: ModelBundle, engine: Backend, info: DeviceInfo, frames: list[Frame]
) -> tuple[list[float], list[float]]:
    """Preprocessing and inference of frames in memory, and nothing else: milliseconds of each, after a warm-up.

    First one after the other, then at the rate of the source: a processor that slept in between takes longer, and that
    is the least that a live run can take.
    """
    spec = bundle.preprocessing
    preprocess = Preprocessor(spec if info.sector_crop is None else replace(spec, crop=info.sector_crop))
    batch = np.empty((1, 1, spec.height_px, spec.width_px), np.float32)

    def one_ms(frame: Frame) -> float:
        started_ns = time.perf_counter_ns()
        engine.infer(preprocess(frame.pixels, out=batch))
        return (time.perf_counter_ns() - started_ns) / 1e6

    for frame in frames:
        one_ms(frame)
    times_ms = [one_ms(frame) for _ in range(_BARE_ROUNDS) for frame in frames]
    paced_ms = []
    for frame in frames * _PACED_ROUNDS:
        time.sleep(1 / (info.fps or 30.0))
        paced_ms.append(one_ms(frame))
    return times_ms, paced_ms


def _live(settings: LiveBench, folder: Path) -> dict[str, Any]:
    """The run itself: source, sound, recording, guidance, window."""
    told = asdict(settings) | {"record": folder, "subject": "bench"}
    del told["window"]
    config = load_config(None, told)
    guided_ns: list[int] = []
    models: list[str] = []
    painted_ns: dict[int, int] = {}

    def on_guidance(guidance: Guidance) -> None:
        guided_ns.append(guidance.ready_ns - guidance.captured_ns)
        if not models or models[-1] != guidance.model_id:
            models.append(guidance.model_id)

    def on_painted(frame: Frame) -> None:
        painted_ns.setdefault(frame.index, time.perf_counter_ns() - frame.captured_ns)

    with _screen(settings.window):
        show = load_plugin("sonocue.views", "window") if settings.window else None
        run = start_run(config, on_guidance=on_guidance)
        watch = _Watch(run)
        if show is not None:
            show(run, title="Sonocue", seconds=settings.seconds, on_painted=on_painted)
        run.wait()
        watch.stop()
    summary = run.summary()
    threads, children = shares_of_a_core(watch.since, watch.until)
    return {
        "engine": summary["engine"],
        "captured": summary["captured"],
        "recorded": summary["recorded"],
        "guided": summary["guided"],
        "skipped": summary["skipped"],
        "lost": summary["lost"],
        "painted": len(painted_ns) if settings.window else None,
        "guided_share": round(summary["guided"] / max(summary["captured"], 1), 4),
        "frame_to_guidance_ms": _percentiles(guided_ns),
        "frame_to_screen_ms": _percentiles(list(painted_ns.values())),
        "stages_ms": {stage: asdict(latency) for stage, latency in run.stages().items()},
        "core_share_of_threads": threads,
        "core_share_of_processes": children,
        "memory_mb": {"begin": round(watch.memory_mb[0], 1), "end": round(watch.memory_mb[-1], 1)},
        "models": models,
        "notices": summary["notices"],
        "faults": summary["faults"],
    }


class _Watch:
    """Looks at processor time and memory while images are captured: after that, one thread after another is gone."""

    def __init__(self, run: Run) -> None:
        self.memory_mb = [memory_mb()]
        self.since = self.until = processor_time()
        self._run = run
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="bench", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()
        self._thread.join()

    def _work(self) -> None:
        began: ProcessorTime | None = None
        while not self._stopping.wait(_LOOK_EVERY_S):
            now = self._run.snapshot()
            if now.ended or now.frame is None or now.elapsed_s < _WARM_UP_S:
                continue
            looked = processor_time()
            if all(thread.name != "video" for thread in threading.enumerate()):
                return
            self.until = looked
            if began is None:
                began = self.since = self.until
                self.memory_mb = [memory_mb()]
            self.memory_mb.append(memory_mb())


@contextmanager
def _screen(wanted: bool) -> Iterator[None]:
    """A screen for as long as this lasts, if one is wanted."""
    if not wanted:
        yield
        return
    with ExitStack() as stack:
        try:
            stack.enter_context(any_screen())
        except SonocueError as error:
            raise ConfigError(f"bench live: no screen ({error}): measure with --no-window") from error
        yield


def _percentiles(durations_ns: Sequence[int]) -> dict[str, float] | None:
    if not durations_ns:
        return None
    p50, p95, p99, highest = np.percentile(np.array(durations_ns) / 1e6, (50, 95, 99, 100))
    return {
        "p50": round(float(p50), 3),
        "p95": round(float(p95), 3),
        "p99": round(float(p99), 3),
        "max": round(float(highest), 3),
    }


def main() -> None:
    """Measure and print one JSON line; what a user can mend is one line on standard error, and exit status 2."""
    told = json.loads(sys.argv[1])
    try:
        found = measure(LiveBench(**told | {"backends": tuple(told["backends"])}))
    except SonocueError as error:
        print(error, file=sys.stderr)  # noqa: T201 - for the parent
        sys.exit(2)
    print(json.dumps(found))  # noqa: T201 - for the parent


if __name__ == "__main__":
    main()
