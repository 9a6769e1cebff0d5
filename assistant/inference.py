"""From a frame to guidance: preprocess, infer, decide. The same step serves live, lock-step and replay.

An ``InferenceStep`` belongs to one thread: engines want to be loaded and run on the same one.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from assistant.admission import AdmittedEngine
from assistant.contracts import Clock, Decision, Float32Array, Frame, Guidance, ModelBundle
from assistant.decision import TemporalFilter, decide, probabilities
from assistant.errors import BackendError
from assistant.latency import LatencyLog
from assistant.preprocess import Preprocessor


class InferenceStep:
    """Makes guidance from frames, one after the other.

    Args:
        bundle: the model.
        engine: an admitted engine that has loaded it, on this thread.
        clock: the run's clock.
        latency: where the time of each stage is noted.
        sector_crop: see ``DeviceInfo``; None: the model's own crop.
    """

    def __init__(
        self,
        bundle: ModelBundle,
        engine: AdmittedEngine,
        clock: Clock,
        latency: LatencyLog,
        sector_crop: tuple[float, float, float, float] | None = None,
    ) -> None:
        self._bundle = bundle
        self._engine = engine
        self._clock = clock
        self._latency = latency
        spec = bundle.preprocessing
        self._preprocess = Preprocessor(spec if sector_crop is None else replace(spec, crop=sector_crop))
        self._batch = np.empty((1, 1, spec.height_px, spec.width_px), np.float32)
        self._filter = TemporalFilter()

    def __call__(self, frame: Frame, scene: int, available_ns: int) -> Guidance:
        """Guidance for one frame.

        Args:
            frame: the image.
            scene: number of its scene.
            available_ns: when the frame could first have been worked on: its capture when live, the moment it was
                read in lock-step. The stage ``total`` counts from here.

        Raises:
            BackendError: the engine failed or gave something of the wrong shape.
        """
        started_ns = self._clock.now_ns()
        batch = self._preprocess(frame.pixels, out=self._batch)
        preprocessed_ns = self._clock.now_ns()
        outputs = self._engine.backend.infer(batch)
        inferred_ns = self._clock.now_ns()
        logits = outputs["logits"]
        if logits.shape != (1, len(self._bundle.classes)):
            raise BackendError(
                f"{self._engine.description}: expected logits (1, {len(self._bundle.classes)}), got {logits.shape}"
            )
        probability = probabilities(logits, self._bundle.temperature)[0]
        decision = self._decide(probability, frame, scene)
        gaze_map = gaze_density(outputs["gaze_logits"][0]) if self._bundle.has_gaze else None
        ready_ns = self._clock.now_ns()
        for stage, duration_ns in (
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

    def _decide(self, probability: Float32Array, frame: Frame, scene: int) -> Decision:
        return decide(self._filter(probability, frame.captured_ns, (frame.stream, scene)), self._bundle)


def gaze_density(gaze_logits: Float32Array) -> Float32Array | None:
    """A log-density ``(h, w)`` as a density ``(h, w)`` float32 that sums to 1; None when it is not finite."""
    if not np.isfinite(gaze_logits).all():
        return None
    density = np.exp(gaze_logits - gaze_logits.max())
    normalised: Float32Array = (density / density.sum()).astype(np.float32)
    return normalised
