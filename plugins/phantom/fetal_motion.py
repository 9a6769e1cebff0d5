"""How the fetus moves under the probe: slow rolls that the hand does not quite follow, and kicks.

The body moves as a whole, and the uterus with it: what is rendered is its motion against the probe. Any moment may be
asked for, in any order; kicks are planned ahead from the seed.
"""

from __future__ import annotations

from bisect import bisect_right

import cv2
import numpy as np

from plugins.phantom.geometry import Float64Array

_ROLL_DEG, _DRIFT_MM = 1.2, 0.8
_KICK_EVERY_S = 22.0
_KICK_DEG, _KICK_MM = (3.0, 10.0), (2.0, 7.0)
_KICK_RISE_S, _KICK_FADE_S = 0.12, 0.7
"""A kick is there at once; the hand has followed it after about a second."""


class FetalMotion:
    """The motion of one fetus during one examination. Not thread-safe."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng([seed, 8])
        self._rates_hz = self._rng.uniform(0.03, 0.12, 6)
        self._phases = self._rng.uniform(0.0, 2 * np.pi, 6)
        self._size = np.array([np.radians(_ROLL_DEG)] * 3 + [_DRIFT_MM] * 3)
        self._kicks_s = [-10.0]
        self._kicks = [np.zeros(6)]

    def at(self, time_s: float) -> tuple[Float64Array, Float64Array]:
        """Rotation ``(3, 3)`` and shift ``(3,)`` in millimetres of the probe against the fetus."""
        while self._kicks_s[-1] < time_s:
            self._plan_kick()
        last = bisect_right(self._kicks_s, time_s) - 1
        since_s = time_s - self._kicks_s[last]
        strength = min(since_s / _KICK_RISE_S, 1.0) * np.exp(-max(since_s - _KICK_RISE_S, 0.0) / _KICK_FADE_S)
        move = self._size * np.sin(2 * np.pi * self._rates_hz * time_s + self._phases) + strength * self._kicks[last]
        return np.asarray(cv2.Rodrigues(move[:3])[0], np.float64), move[3:]

    def _plan_kick(self) -> None:
        rng = self._rng
        self._kicks_s.append(self._kicks_s[-1] + 3.0 + float(rng.exponential(_KICK_EVERY_S)))
        turn, shift = (v / np.linalg.norm(v) for v in (rng.standard_normal(3), rng.standard_normal(3)))
        self._kicks.append(np.concatenate([np.radians(rng.uniform(*_KICK_DEG)) * turn, rng.uniform(*_KICK_MM) * shift]))
