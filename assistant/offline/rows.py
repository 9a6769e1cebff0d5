"""What a model says about each frame of an archive, as rows. Runs on the threads that infer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from assistant.admission import AdmittedEngine
from assistant.contracts import Decision, Float32Array
from assistant.decision import decide, probabilities
from assistant.errors import BackendError
from assistant.model_contracts import ModelBundle
from assistant.offline.inputs import Batch

Row = Mapping[str, Any]
"""One frame; ``COLUMNS`` says what it holds."""

COLUMNS = (
    "file",
    "frame",
    "time_s",
    "plane",
    "confidence",
    "top",
    "abstention",
    "probabilities",
    "gaze_x_px",
    "gaze_y_px",
    "model",
)
"""``plane`` is null when the model abstains, ``abstention`` then says why; ``probabilities`` stand in the order of the
model's classes; ``gaze_x_px`` and ``gaze_y_px`` are where the gaze map is highest, in pixels of the image, or null."""


def rows_of(batch: Batch, bundle: ModelBundle, engine: AdmittedEngine) -> list[Row]:
    """Infer a batch. Each frame stands for itself: no temporal filter.

    Raises:
        BackendError: the engine failed or gave something of the wrong shape.
    """
    outputs = engine.backend.infer(batch.image)
    logits = outputs["logits"]
    if logits.shape != (len(batch.frames), len(bundle.classes)):
        raise BackendError(
            f"{engine.description}: expected logits {(len(batch.frames), len(bundle.classes))}, got {logits.shape}"
        )
    likely = probabilities(logits, bundle.temperature)
    rows = []
    for at, frame in enumerate(batch.frames):
        decision, mode = decide(likely[at], bundle), batch.modes[at]
        if mode is not None:
            decision = replace(decision, plane=None, abstention=mode)
        peak = None
        if bundle.has_gaze and mode is None:
            peak = gaze_peak_px(outputs["gaze_logits"][at], batch.rect_px[at])
        rows.append(_row(batch, at, frame, decision, likely[at], peak, bundle.model_id))
    return rows


def gaze_peak_px(gaze_logits: Float32Array, rect_px: tuple[int, int, int, int]) -> tuple[float, float] | None:
    """Where a gaze map ``(h, w)`` is highest, x and y in pixels of the image; None when it is not finite."""
    if not np.isfinite(gaze_logits).all():
        return None
    height, width = gaze_logits.shape
    row, column = divmod(int(gaze_logits.argmax()), width)
    top, left, bottom, right = rect_px
    x_px = left + (column + 0.5) * (right - left) / width - 0.5
    y_px = top + (row + 0.5) * (bottom - top) / height - 0.5
    return round(x_px, 1), round(y_px, 1)


def _row(
    batch: Batch,
    at: int,
    frame: int,
    decision: Decision,
    likely: Float32Array,
    peak: tuple[float, float] | None,
    model_id: str,
) -> Row:
    return {
        "file": str(batch.file),
        "frame": frame,
        "time_s": round(batch.times_s[at], 6),
        "plane": decision.plane,
        "confidence": round(decision.confidence, 6),
        "top": decision.top,
        "abstention": None if decision.abstention is None else str(decision.abstention),
        # The shortest decimal that gives the same float32 back.
        "probabilities": [float(str(p)) if np.isfinite(p) else None for p in likely],
        "gaze_x_px": None if peak is None else peak[0],
        "gaze_y_px": None if peak is None else peak[1],
        "model": model_id,
    }
