"""How far a replay's guidance agrees with the guidance that stands in the session: measured, never assumed.

A replay is the same bit for bit where pixels were recorded without loss and the same frames go through the same model,
engine and number of threads. Anything else is another computation, and this says by how much it differs. Runs on the
inference thread; reads the session's timeline alongside, one line at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from assistant.contracts import Guidance, TimelineEvent
from assistant.errors import SessionError
from assistant.metrics import correlation
from assistant.session.reader import SessionReader
from assistant.session.timeline import guidance_event, guidance_of

_EXACT = ("stream", "scene", "plane", "top", "confidence", "abstention", "probabilities", "gaze_rect_px", "gaze_map")
"""What must be the same in a line of the timeline. Its times and the model's name are looked at apart."""

_SETTINGS = ("backends", "threads", "watch_screen")
"""Settings that change what is decided."""


class ReplayAgreement:
    """Call it with each guidance of the replay, in order; ``result`` says how they agree.

    Args:
        reader: the session.
        settings: of the replay, by the names of ``RunConfig``.
    """

    def __init__(self, reader: SessionReader, settings: Mapping[str, Any]) -> None:
        self._recorded = (event for event in reader.timeline("guidance"))
        self._next: TimelineEvent | None = next(self._recorded, None)
        self._manifest = reader.manifest
        before = reader.header.config
        self._differs = [
            f"{name}: recorded with {before[name]}, replayed with {settings[name]}"
            for name in _SETTINGS
            if name in before and before[name] != settings[name]
        ]
        self._model_id = ""
        self._compared = self._replayed = self._same_plane = self._identical = 0
        self._probability = self._confidence = 0.0
        self._gaze_cc: list[float] = []

    def __call__(self, guidance: Guidance) -> None:
        """Compare with the recorded guidance of the same frame, if there is any.

        Raises:
            SessionError: the timeline is damaged.
        """
        self._replayed += 1
        self._model_id = guidance.model_id
        while self._next is not None and self._frame_of(self._next) < guidance.frame_index:
            self._next = next(self._recorded, None)
        if self._next is None or self._frame_of(self._next) != guidance.frame_index:
            return
        recorded, self._next = self._next, next(self._recorded, None)
        again = guidance_event(guidance)
        try:
            before, now = guidance_of(recorded), guidance_of(again)
            self._identical += all(recorded.data[key] == again.data[key] for key in _EXACT)
        except (KeyError, ValueError, TypeError) as error:
            raise SessionError(f"the guidance of frame {guidance.frame_index} in the session is damaged") from error
        self._compared += 1
        self._same_plane += before.decision.plane == now.decision.plane
        self._confidence = max(self._confidence, _difference(before.decision.confidence, now.decision.confidence))
        if before.probabilities.shape == now.probabilities.shape:
            self._probability = max(self._probability, _difference(before.probabilities, now.probabilities))
        if before.gaze_map is not None and now.gaze_map is not None and before.gaze_map.shape == now.gaze_map.shape:
            self._gaze_cc.append(correlation(before.gaze_map, now.gaze_map))

    def result(self) -> dict[str, Any] | None:
        """The agreement as JSON (``docs/commands.md``); None when no frame could be compared."""
        if not self._compared:
            return None
        differs = list(self._differs)
        if self._model_id != self._manifest.model_id:
            differs.insert(0, f"model: recorded with {self._manifest.model_id}, replayed with {self._model_id}")
        if not self._manifest.lossless:
            differs.insert(0, "pixels: recorded with loss")
        if self._compared != self._replayed:
            differs.append(
                f"frames: {self._compared} have guidance in the session, {self._replayed} have in the replay"
            )
        found = [cc for cc in self._gaze_cc if np.isfinite(cc)]
        return {
            "frames": self._compared,
            "identical": self._identical,
            "bit_for_bit": self._identical == self._compared,
            "same_plane": round(self._same_plane / self._compared, 6),
            "confidence_difference_max": float(f"{self._confidence:.4g}"),
            "probability_difference_max": float(f"{self._probability:.4g}"),
            "gaze_cc_mean": round(float(np.mean(found)), 6) if found else None,
            "gaze_cc_min": round(min(found), 6) if found else None,
            "differs": differs,
        }

    def _frame_of(self, event: TimelineEvent) -> int:
        index = event.data.get("frame_index")
        if not isinstance(index, int):
            raise SessionError(f"a guidance line of the session has no frame_index: got {index!r}")
        return index


def guided_frames(reader: SessionReader) -> frozenset[int]:
    """Indices of the frames that have guidance in the session. Raises ``SessionError`` when the timeline is damaged."""
    return frozenset(
        index for event in reader.timeline("guidance") if isinstance(index := event.data.get("frame_index"), int)
    )


def _difference(before: object, now: object) -> float:
    """The largest absolute difference; infinite where only one is finite."""
    a, b = np.asarray(before, np.float64), np.asarray(now, np.float64)
    if not np.array_equal(np.isfinite(a), np.isfinite(b)):
        return float("inf")
    both = np.isfinite(a)
    return float(np.abs(a[both] - b[both]).max(initial=0.0))
