"""The wiring of one run, in one function. Read this file second, after ``contracts.py``.

Live, each stream has a thread that captures it; every frame goes to the recording queue and into a slot that holds the
newest one only; the inference thread empties the slot. In lock-step one thread takes everything in order of time. The
window is on nobody's path: it pulls ``Run.snapshot()``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path

import cv2

from assistant.bundle import default_model_path, model_path, read_bundle
from assistant.checklist_file import load_checklist
from assistant.clock import MonotonicClock
from assistant.config import RunConfig
from assistant.contracts import Clock, DeviceInfo, TimelineEvent
from assistant.errors import ConfigError
from assistant.examination import Examination
from assistant.failover import HANG_S, LOCKSTEP_HANG_S, Replacement, SupervisedEngine
from assistant.guarded_device import guard
from assistant.inference import InferenceStep
from assistant.latest_slot import LatestSlot
from assistant.loops import (
    Loop,
    OnGuidance,
    SceneFrame,
    Step,
    capture_stream,
    capture_video,
    compare_narration,
    infer_newest,
    run_lockstep,
)
from assistant.model_contracts import ModelBundle
from assistant.narration import NarrationAgreement
from assistant.open_sources import open_sources
from assistant.plane_stills import StillKeeper
from assistant.plugin_loader import load_plugin
from assistant.publishing import PublisherWorker, PublishingStep, create_publisher
from assistant.recording import Recorder
from assistant.reopening import tell_losses
from assistant.run import Run
from assistant.run_privacy import RunPrivacy
from assistant.screen_mode import ScreenWatch
from assistant.session.agreement import guided_frames
from assistant.session.merge import merged
from assistant.session.reader import SessionReader
from assistant.session.writer import SessionHeader, SessionWriter
from assistant.state import RunState
from assistant.steering import Steerable
from assistant.stepping_down import SteppedDown, SteppingDown, read_smaller
from assistant.teaching.open_gaze import observe


def start_run(
    config: RunConfig,
    *,
    clock: Clock | None = None,
    on_guidance: OnGuidance | None = None,
    in_real_time: bool = False,
    on_opened: Callable[[Run], None] | None = None,
) -> Run:
    """Open everything that ``config`` names, start the threads, and return the run.

    Args:
        config: what to run.
        clock: the run's clock; ``MonotonicClock`` when None.
        on_guidance: called on the inference thread with each guidance.
        in_real_time: in lock-step, show each frame when it is due.
        on_opened: called with the run when all is open and before its threads start: from here on, what wants to end
            it must stop it, since an exception would leave the threads behind.

    Raises:
        SonocueError: something cannot be opened or loaded; all that was opened is closed again.
    """
    clock = clock or MonotonicClock()
    cv2.setNumThreads(1)  # the processors are shared with inference and encoding
    stopping = threading.Event()
    asked = None if config.checklist is None else load_checklist(config.checklist).items
    only = _recorded_frames(config)
    if config.shadow and config.publishers:
        raise ConfigError("shadow mode shows guidance to nobody: expected no --publish beside --shadow")
    with ExitStack() as cleanup:
        inference = cleanup.enter_context(ThreadPoolExecutor(1, thread_name_prefix="inference"))
        bundle = engine = None
        if config.model is not None:
            bundle = read_bundle(default_model_path() if config.model == "default" else Path(config.model))
            engine = SupervisedEngine(
                bundle,
                config.backends,
                config.threads,
                clock,
                hang_s=LOCKSTEP_HANG_S if config.lockstep else HANG_S,
            )
            cleanup.callback(engine.close)

        smaller = smaller_engine = None
        if config.smaller_model is not None and bundle is not None and not config.lockstep:
            smaller = read_smaller(bundle, model_path(config.smaller_model))
            smaller_engine = SupervisedEngine(smaller, config.backends, config.threads, clock)
            cleanup.callback(smaller_engine.close)

        opened_sources = open_sources(config, clock, cleanup)
        guarded = guard(opened_sources, config, clock)
        sources = guarded.sources
        planes = () if bundle is None else tuple(name for name in bundle.classes if name != bundle.background)
        examination = Examination(planes, int(config.dwell_s * 1e9), asked)
        state = RunState(
            clock,
            planes,
            max_guidance_age_ns=int(config.max_guidance_age_ms * 1e6),
            dwell_ns=int(config.dwell_s * 1e9),
            live=not config.lockstep,
            examination=examination,
            shadow=config.shadow,
        )
        step: Step | None = None
        stepping: SteppingDown | None = None
        if bundle is not None and engine is not None:
            screen = ScreenWatch() if config.watch_screen else None
            crop = sources.video_info.sector_crop
            step = InferenceStep(bundle, engine.infer, clock, state.latency, crop, screen)
            if smaller is not None and smaller_engine is not None:
                small_step = InferenceStep(smaller, smaller_engine.infer, clock, state.latency, crop, screen)
                step = stepping = SteppingDown(
                    step, small_step, clock, config.max_guidance_age_ms, lambda: state.counters.skipped
                )

        recorder = writer = keeper = None
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
            recorder = Recorder(writer, state, guided=step is not None and not config.lockstep)
            cleanup.callback(recorder.close, complete=False, reason="the run did not begin")
            keeper = StillKeeper(recorder.put)
            cleanup.callback(keeper.close)
            examination.on_event, examination.on_best = recorder.put, keeper
        for device in (opened_sources.video, opened_sources.microphone):
            tell_losses(device, state, None if recorder is None else recorder.put)
        privacy = RunPrivacy(clock, state, recorder, guarded.switch)
        if config.consent:
            privacy.consented(config.consent_words)
        published: tuple[str, ...] = ()
        if step is None and config.publishers:
            raise ConfigError("a publisher sends guidance: expected a model beside --publish, got none")
        if step is not None and config.publishers:
            workers = [PublisherWorker(spec, create_publisher(spec), state, clock) for spec in config.publishers]
            for worker in workers:
                cleanup.callback(worker.close)
                published += (worker.open("" if writer is None else writer.path.name.removesuffix(".partial")),)
            step = PublishingStep(step, workers)
        state.describe(
            source=sources.video_info.name,
            engine="no model" if engine is None or bundle is None else f"{bundle.model_id} on {engine.description}",
            notices=_notices(bundle, sources.video_info, shadow=config.shadow)
            + (() if engine is None else engine.refusals)
            + published
            + guarded.notices,
            session=None if writer is None else writer.path,
        )
        observer, on_image = observe(config, clock, sources.tracker, recorder, state)
        if bundle is not None and engine is not None:
            engine.on_replaced = partial(_engine_replaced, state, recorder, bundle)
        if stepping is not None and smaller is not None and smaller_engine is not None:
            smaller_engine.on_replaced = partial(_engine_replaced, state, recorder, smaller)
            line = f"{smaller.model_id} on {smaller_engine.description}"
            notices = _notices(smaller, sources.video_info, shadow=config.shadow)
            stepping.on_stepped_down = partial(_stepped_down, state, recorder, line, notices)

        leading: tuple[str, Loop]
        accompanying: dict[str, Loop] = {}
        if config.lockstep:
            items = merged(sources.video, sources.video_info)
            lockstep = partial(
                run_lockstep,
                items, clock, stopping, state, recorder, step, on_guidance, config.seconds, in_real_time, only,
            )  # fmt: skip
            leading = "lock-step", lambda: inference.submit(lockstep).result()
        else:
            slot: LatestSlot[SceneFrame] | None = None
            if step is not None:
                slot = LatestSlot()
                newest = partial(infer_newest, slot, step, state, recorder, on_guidance)
                accompanying["inference"] = lambda: inference.submit(newest).result()
            narration = None
            if bundle is not None and bundle.encoders is not None and "sound" in sources.by_stream:
                open_encoder = load_plugin("sonocue.encoders", "onnxruntime")
                video_encoder, speech_encoder = map(open_encoder, bundle.encoders)
                narration = NarrationAgreement(bundle, video_encoder, speech_encoder, sources.video_info.sector_crop)
                accompanying["narration"] = partial(compare_narration, narration, stopping, state, recorder)
            for stream, device in sources.by_stream.items():
                if stream == "gaze" and on_image is not None:
                    device = on_image
                if stream != "video":
                    accompanying[stream] = partial(capture_stream, device, stream, stopping, state, recorder, narration)
            leading = (
                "video",
                partial(capture_video, sources.video, clock, stopping, state, recorder, slot, config.seconds),
            )

        def finish(complete: bool, reason: str) -> Path | None:
            with opened:
                if keeper is not None:
                    examination.close()
                    keeper.close()
                return None if recorder is None else recorder.close(complete=complete, reason=reason)

        steered = sources.video if isinstance(sources.video, Steerable) and sources.video.steerable else None
        run = Run(state, leading, accompanying, stopping, finish, steered, privacy, observer)
        if on_opened is not None:
            on_opened(run)
        opened = cleanup.pop_all()
        run.start()
        return run


def _recorded_frames(config: RunConfig) -> frozenset[int] | None:
    """The frames that a replay infers; None: all."""
    if not config.as_recorded:
        return None
    name, _, session = config.source.partition(":")
    if name != "session" or not config.lockstep:
        raise ConfigError("as_recorded: expected the replay of a session (sonocue replay), got another run")
    return guided_frames(SessionReader(Path(session)))


def _engine_replaced(state: RunState, recorder: Recorder | None, bundle: ModelBundle, what: Replacement) -> None:
    """Show it, and record it. Runs on the inference thread."""
    state.engine_replaced(
        f"{bundle.model_id} on {what.engine}",
        f"{what.failed} {what.reason}: {what.engine} took over after {what.gap_ms:.0f} ms without guidance",
    )
    if recorder is not None:
        facts = {"event": "engine replaced", "gap_ms": round(what.gap_ms, 3), **asdict(what)}
        recorder.put(TimelineEvent(what.from_ns, "event", facts))


def _stepped_down(
    state: RunState, recorder: Recorder | None, engine: str, notices: tuple[str, ...], what: SteppedDown
) -> None:
    """Show it, and record it. Runs on the inference thread."""
    state.stepped_down(engine, (what.notice, *notices))
    if recorder is not None:
        recorder.put(what.event)


def _notices(bundle: ModelBundle | None, video: DeviceInfo, *, shadow: bool) -> tuple[str, ...]:
    """Lasting remarks that whoever looks at the guidance must see."""
    remarks: tuple[str, ...] = ()
    if shadow:
        remarks += ("shadow mode: guidance is recorded and not shown",)
    if bundle is not None and bundle.trained_on == "phantom" and video.origin == "real":
        remarks += ("This model was trained on the software scanner: on real images its guidance means nothing.",)
    return remarks
