"""The wiring of one run, in one function. Read this file second, after ``contracts.py``.

Live, each stream has a thread that captures it; every frame goes to the recording queue and into a slot that holds the
newest one only; the inference thread empties the slot. In lock-step one thread takes everything in order of time. The
window is on nobody's path: it pulls ``Run.snapshot()``.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import cv2

from assistant.admission import load_engine
from assistant.bundle import default_model_path, read_bundle
from assistant.clock import MonotonicClock
from assistant.config import RunConfig
from assistant.contracts import Clock, DeviceInfo, ModelBundle
from assistant.inference import InferenceStep
from assistant.latest_slot import LatestSlot
from assistant.loops import (
    Loop,
    OnGuidance,
    SceneFrame,
    capture_stream,
    capture_video,
    infer_newest,
    run_lockstep,
)
from assistant.open_sources import open_sources
from assistant.recording import Recorder
from assistant.run import Run
from assistant.screen_mode import ScreenWatch
from assistant.session.merge import merged
from assistant.session.writer import SessionHeader, SessionWriter
from assistant.state import RunState
from assistant.steering import Steerable


def start_run(
    config: RunConfig,
    *,
    clock: Clock | None = None,
    on_guidance: OnGuidance | None = None,
    in_real_time: bool = False,
) -> Run:
    """Open everything that ``config`` names, start the threads, and return the run.

    Args:
        config: what to run.
        clock: the run's clock; ``MonotonicClock`` when None.
        on_guidance: called on the inference thread with each guidance.
        in_real_time: in lock-step, show each frame when it is due.

    Raises:
        SonocueError: something cannot be opened or loaded; all that was opened is closed again.
    """
    clock = clock or MonotonicClock()
    cv2.setNumThreads(1)  # the processors are shared with inference and encoding
    stopping = threading.Event()
    with ExitStack() as cleanup:
        # Engines want to be loaded and run on one thread: this executor's.
        inference = cleanup.enter_context(ThreadPoolExecutor(1, thread_name_prefix="inference"))
        bundle = engine = None
        if config.model is not None:
            bundle = read_bundle(default_model_path() if config.model == "default" else Path(config.model))
            engine = inference.submit(load_engine, bundle, config.backends, config.threads).result()
            cleanup.callback(lambda: inference.submit(engine.backend.close).result())

        sources = open_sources(config, clock, cleanup)
        planes = () if bundle is None else tuple(name for name in bundle.classes if name != bundle.background)
        state = RunState(
            clock,
            planes,
            max_guidance_age_ns=int(config.max_guidance_age_ms * 1e6),
            dwell_ns=int(config.dwell_s * 1e9),
            live=not config.lockstep,
        )
        step = None
        if bundle is not None and engine is not None:
            screen = ScreenWatch() if config.watch_screen else None
            step = InferenceStep(bundle, engine, clock, state.latency, sources.video_info.sector_crop, screen)

        recorder = writer = None
        if config.record is not None:
            header = SessionHeader(
                subject=config.subject,
                consent=config.consent,
                origin=sources.video_info.origin,
                sources=sources.infos,
                config=config.model_dump(mode="json"),
                model_id=None if bundle is None else bundle.model_id,
            )
            writer = SessionWriter(config.record, header, clock, lossless=config.lossless)
            recorder = Recorder(writer, state)
            cleanup.callback(recorder.close, complete=False, reason="the run did not begin")
        state.describe(
            source=sources.video_info.name,
            engine="no model" if engine is None or bundle is None else f"{bundle.model_id} on {engine.description}",
            notices=_notices(bundle, sources.video_info) + (() if engine is None else tuple(engine.refusals)),
            session=None if writer is None else writer.path,
        )

        leading: tuple[str, Loop]
        accompanying: dict[str, Loop] = {}
        if config.lockstep:
            items = merged(sources.video, sources.video_info)
            lockstep = partial(
                run_lockstep,
                items, clock, stopping, state, recorder, step, on_guidance, config.seconds, in_real_time,
            )  # fmt: skip
            leading = "lock-step", lambda: inference.submit(lockstep).result()
        else:
            slot: LatestSlot[SceneFrame] | None = None
            if step is not None:
                slot = LatestSlot()
                newest = partial(infer_newest, slot, step, state, recorder, on_guidance)
                accompanying["inference"] = lambda: inference.submit(newest).result()
            for stream, device in sources.by_stream.items():
                if stream != "video":
                    accompanying[stream] = partial(capture_stream, device, stream, stopping, state, recorder)
            leading = (
                "video",
                partial(capture_video, sources.video, clock, stopping, state, recorder, slot, config.seconds),
            )

        opened = cleanup.pop_all()

        def finish(complete: bool, reason: str) -> Path | None:
            with opened:
                return None if recorder is None else recorder.close(complete=complete, reason=reason)

        steered = sources.video if isinstance(sources.video, Steerable) and sources.video.steerable else None
        run = Run(state, leading, accompanying, stopping, finish, steered)
        run.start()
        return run


def _notices(bundle: ModelBundle | None, video: DeviceInfo) -> tuple[str, ...]:
    """Lasting remarks that whoever looks at the guidance must see."""
    if bundle is not None and bundle.trained_on == "phantom" and video.origin == "real":
        return ("This model was trained on the software scanner: on real images its guidance means nothing.",)
    return ()
