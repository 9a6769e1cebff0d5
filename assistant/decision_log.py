"""Writes what was decided about each frame: one JSON line a frame, the same bytes for the same decisions."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from types import TracebackType
from typing import Self

from assistant.contracts import Guidance
from assistant.errors import ConfigError


class DecisionLog:
    """A file of decisions; call it with each guidance.

    Floats are written so that they read back as the same bits; the gaze map stands as its SHA-256. Times are left out,
    since each replay has its own; a session knows the time of each frame index.

    Raises:
        ConfigError: the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("w", encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"decisions cannot be written to '{path}': {error.strerror}") from error

    def __call__(self, guidance: Guidance) -> None:
        """Write one line."""
        decision = guidance.decision
        gaze = guidance.gaze_map
        line = {
            "frame_index": guidance.frame_index,
            "stream": guidance.stream,
            "scene": guidance.scene,
            "plane": decision.plane,
            "top": decision.top,
            "confidence": decision.confidence,
            "abstention": decision.abstention,
            "probabilities": [float(probability) for probability in guidance.probabilities],
            "gaze_sha256": None if gaze is None else hashlib.sha256(gaze.tobytes()).hexdigest(),
            "model": guidance.model_id,
        }
        self._file.write(json.dumps(line) + "\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()
