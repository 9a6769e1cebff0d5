"""From a frame to guidance: preprocess, infer, decide. The same step serves live, lock-step and replay.

An ``InferenceStep`` belongs to one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from assistant.contracts import Abstention, Clock, Float32Array, Frame, Guidance, TimelineEvent
from assistant.decision import Decider, decide, probabilities
from assistant.in_distribution import FamiliarityWatch
from assistant.latency import LatencyLog
from assistant.model_contracts import ModelBundle
from assistant.motion import FAST, MotionMeter
from assistant.preprocess import Preprocessor
from assistant.screen_mode import ScreenReading, ScreenWatch


class InferenceStep:
    """Makes guidance from frames, one after the other.

    Args:
        bundle: the model.
        infer: asks an admitted engine (``SupervisedEngine.infer``).
        clock: the run's clock.
        latency: where the time of each stage is noted.
        sector_crop: see ``DeviceInfo``; None: the model's own crop.
        screen: abstains while the screen shows something else than one B-mode image; None: nobody looks.

    Attributes:
        noticed: what became of the screen with the last frame, for the timeline; None when nothing did.
    """

    def __init__(
        self,
        bundle: ModelBundle,
        infer: Callable[[Float32Array], Mapping[str, Float32Array]],
        clock: Clock,
        latency: LatencyLog,
        sector_crop: tuple[float, float, float, float] | None = None,
        screen: ScreenWatch | None = None,
    ) -> None:
        self.noticed: TimelineEvent | None = None
        self._bundle = bundle
        self._infer = infer
        self._clock = clock
        self._latency = latency
        spec = bundle.preprocessing
        self._preprocess = Preprocessor(spec if sector_crop is None else replace(spec, crop=sector_crop))
        self._batch = np.empty((1, 1, spec.height_px, spec.width_px), np.float32)
        self._decide = Decider(bundle)
        self._familiar = None if bundle.familiarity is None else FamiliarityWatch(bundle.familiarity)
        self._motion = MotionMeter()
        self._screen = screen

    def __call__(self, frame: Frame, scene: int, available_ns: int) -> Guidance:
        """Guidance for one frame.

        Args:
            frame: the image.
            scene: number of its scene.
            available_ns: when the frame could first have been worked on: its capture when live, the moment it was
                read in lock-step. The stage ``total`` counts from here.

        Raises:
            BackendError: no engine is left that can answer.
        """
        began_ns = self._clock.now_ns()
        reading = None if self._screen is None else self._screen(frame, scene)
        self.noticed = None if reading is None or not reading.changed else _screen_event(frame, reading)
        started_ns = self._clock.now_ns()
        batch = self._preprocess(frame.pixels, out=self._batch)
        preprocessed_ns = self._clock.now_ns()
        outputs = self._infer(batch)
        inferred_ns = self._clock.now_ns()
        probability = probabilities(outputs["logits"], self._bundle.temperature)[0]
        shown = (frame.stream, scene)
        moves = self._motion(frame, scene) > FAST
        strange = self._familiar is not None and self._familiar(
            self._preprocess.grey, outputs, frame.captured_ns, shown
        )
        instead_of_b_mode = None if reading is None else reading.mode
        if instead_of_b_mode is None:
            instead = Abstention.OUT_OF_DISTRIBUTION if strange else Abstention.FAST_MOTION if moves else None
            decision = self._decide(probability, frame.captured_ns, shown, instead)
        else:
            decision = replace(decide(probability, self._bundle), plane=None, abstention=instead_of_b_mode)
            self._decide.forget()  # what comes after is no continuation of what was before
        asked = instead_of_b_mode is None and not strange
        gaze_map = gaze_density(outputs["gaze_logits"][0]) if self._bundle.has_gaze and asked else None
        ready_ns = self._clock.now_ns()
        for stage, duration_ns in (
            ("waiting", began_ns - available_ns),
            ("screen", started_ns - began_ns),
            ("preprocess", preprocessed_ns - started_ns),
            ("inference", inferred_ns - preprocessed_ns),
            ("decision", ready_ns - inferred_ns),
            ("total", ready_ns - available_ns),
        ):
            self._latency.add(stage, duration_ns)
        return Guidance(
            frame_index=frame.index,
            captured_ns=frame.captured_ns,
            stream=frame.stream,
            scene=scene,
            ready_ns=ready_ns,
            probabilities=probability,
            decision=decision,
            gaze_map=gaze_map,
            gaze_rect_px=self._preprocess.crop_rect_px(frame.height_px, frame.width_px),
            model_id=self._bundle.model_id,
        )


def _screen_event(frame: Frame, reading: ScreenReading) -> TimelineEvent:
    """What the screen shows from this frame on."""
    layout = reading.layout
    return TimelineEvent(
        frame.captured_ns,
        "event",
        {
            "event": "screen",
            "frame_index": frame.index,
            "mode": "B-mode" if reading.mode is None else reading.mode,
            "shape": None if layout is None else layout.shape,
            "edges_deg": None if layout is None else list(layout.edges_deg),
            "rect_px": None if layout is None else list(layout.rect_px),
            "outline_px": None if layout is None else [list(corner) for corner in layout.outline],
        },
    )


def gaze_density(gaze_logits: Float32Array) -> Float32Array | None:
    """A log-density ``(h, w)`` as a density ``(h, w)`` float32 that sums to 1; None when it is not finite."""
    if not np.isfinite(gaze_logits).all():
        return None
    density = np.exp(gaze_logits - gaze_logits.max())
    normalised: Float32Array = (density / density.sum()).astype(np.float32)
    return normalised
