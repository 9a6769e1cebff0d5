"""What the operator draws on a frozen image: calipers and typed words.

By default these are decoys: where they lie, what kind they are and what is typed follows no plane, because a caliper on
the femur would tell a network that it is one. ``measured`` draws what a sonographer measures, for those who want to
test how they remove it.
"""

from __future__ import annotations

import numpy as np

from plugins.phantom.geometry import Pose
from plugins.phantom.moment import Annotation, Caliper, TypedText, View
from plugins.phantom.painting import Landmarks
from plugins.phantom.planes import StandardPlane
from plugins.phantom.settings import Annotations

_DECOY_WORDS = ("OB 2", "LT", "RT", "IMAGE 1", "IMAGE 2", "SAVED", "FETUS A", "REVIEW")
_MEASURED = {
    "femur": ("line", "femur proximal end", "femur distal end", "FEMUR"),
    "transcerebellar brain": ("line", "cerebellum", "cavum", "TCD"),
    "transventricular brain": ("ellipse", "lateral ventricle", "cavum", "HC"),
    "abdomen": ("ellipse", "abdominal spine", "umbilical vein", "AC"),
}
_VISIBLE_MM = 8.0


class Annotator:
    """One operator's habits."""

    def __init__(self, landmarks_mm: Landmarks, kind: Annotations, seed: int) -> None:
        self._landmarks = landmarks_mm
        self._kind = kind
        self._rng = np.random.default_rng([seed, 9])
        self._measures, self._types = self._rng.random() < 0.8, self._rng.random() < 0.6

    def draw(self, plane: StandardPlane, pose: Pose, view: View) -> tuple[Annotation, ...]:
        """What is drawn on one frozen image."""
        drawn: list[Annotation] = []
        if self._kind == "measured":
            return self._measured(plane, pose)
        if self._kind == "decoy":
            for _ in range(int(self._rng.integers(0, 3)) if self._measures else 0):
                drawn.append(self._decoy(view))
            if self._types and self._rng.random() < 0.7:
                drawn.append(TypedText(str(self._rng.choice(_DECOY_WORDS)), self._place(view)))
        return tuple(drawn)

    def _decoy(self, view: View) -> Caliper:
        rng = self._rng
        x, y = self._place(view)
        length, angle = rng.uniform(0.12, 0.5) * view.sector.depth_mm, rng.uniform(0, np.pi)
        dx, dy = 0.5 * length * np.cos(angle), 0.5 * length * np.sin(angle)
        start, end = (float(x - dx), float(y - dy)), (float(x + dx), float(y + dy))
        if rng.random() < 0.35:
            return Caliper("ellipse", start, end, float(length * rng.uniform(0.6, 1.0)))
        return Caliper("line", start, end)

    def _place(self, view: View) -> tuple[float, float]:
        depth_mm = view.sector.depth_mm
        place = self._rng.normal((0.0, 0.52 * depth_mm), (0.12 * depth_mm, 0.1 * depth_mm))
        return float(place[0]), float(place[1])

    def _measured(self, plane: StandardPlane, pose: Pose) -> tuple[Annotation, ...]:
        if plane.name not in _MEASURED:
            return ()
        kind, start, end, word = _MEASURED[plane.name]
        places = [pose.to_probe_mm(self._landmarks[name]) for name in (start, end)]
        if any(abs(float(place[2])) > _VISIBLE_MM for place in places):
            return ()
        ends = [(float(place[0]), float(place[1])) for place in places]
        long_mm = float(np.hypot(ends[0][0] - ends[1][0], ends[0][1] - ends[1][1]))
        if kind == "ellipse":
            return Caliper("ellipse", ends[0], ends[1], 0.8 * long_mm), TypedText(word, (0.0, 15.0))
        return Caliper("line", ends[0], ends[1]), TypedText(word, (0.0, 15.0))
