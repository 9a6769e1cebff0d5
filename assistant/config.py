"""The settings of one run: from a TOML file, from the command line, or made in code. Unknown keys are refused."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assistant.errors import ConfigError


class RunConfig(BaseModel):
    """What one run of the engine does.

    Attributes:
        source: ``name:argument`` of the video source, e.g. ``phantom:1``, ``file:scan.mp4``, ``session:FOLDER``.
        microphone: ``name:argument`` of a microphone; without it, the source's own sound is used.
        consent: everybody in the room agreed to be recorded; without it, no microphone is opened.
        model: a model folder, ``default`` for the one we ship, or None: capture without guidance.
        backends: inference engines in the order in which they are tried.
        threads: processor threads of the inference engine.
        record: folder that recorded sessions go to, or None: nothing is recorded.
        subject: pseudonym that goes into the session.
        publishers: ``name:argument`` of whom guidance is sent to besides; none unless named.
        lossless: record pixels without loss (larger files).
        lockstep: infer every frame, waiting where needed, as fast as the machine can.
        seconds: end by itself after so many seconds (of the recording's time in lock-step).
        max_guidance_age_ms: guidance older than this against the newest image is not shown.
        watch_screen: abstain while the screen shows something else than one B-mode image (colour Doppler, a menu, ...).
        dwell_s: a plane counts as seen when it was named for so long without a break.
        heatmap: when the window paints the predicted gaze over the image: always, only while it is frozen, or not.
        language: of the window, ``en`` or ``de``; the system's when None.
        smaller_model: a model of the same planes that takes over, live, when the machine cannot keep up with ``model``.
        checklist: what the examination asks for: a shipped checklist's name, e.g. ``fasp20``, or a TOML file; None: one
            item a plane.
        shadow: guidance is made and recorded, and nothing of it is shown.
        as_recorded: replay: infer only the frames that have guidance in the session, as the recorded run did.
        mask: black outside the ultrasound image before anything is written, shown or sent: ``auto`` finds the image,
            ``rect`` knows it from ``mask_layouts``; never for the software scanner and sessions that were masked.
        mask_layouts: TOML file with the screens of a site's machines (``assistant/mask_layouts.py``), for ``rect``.
        consent_words: what was agreed with everybody in the room, as it is noted in the session.
        gaze: ``name:argument`` of an eye tracker, whose gaze takes the place of the source's own.
        trainee: pseudonym of whoever is trained; the source's own gaze, another's, is then left out.
        case: what is scanned in a training session, as the history knows it; empty: the source says.
        predicted_gaze: what a trainee sees of it: while scanning, not at all, or afterwards in the report.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str = "phantom:1"
    microphone: str | None = None
    consent: bool = False
    model: str | None = "default"
    backends: tuple[str, ...] = Field(("openvino", "onnxruntime"), min_length=1)
    threads: int = Field(max(1, (os.cpu_count() or 2) // 2), ge=1)
    record: Path | None = Path("recordings")
    subject: str = Field("unnamed", min_length=1, max_length=64, pattern=r"^[\w.-]+$")
    publishers: tuple[str, ...] = ()
    lossless: bool = False
    lockstep: bool = False
    seconds: float | None = Field(None, gt=0)
    max_guidance_age_ms: float = Field(150.0, gt=0, le=150.0)
    watch_screen: bool = True
    dwell_s: float = Field(1.0, gt=0)
    heatmap: Literal["always", "frozen", "off"] = "always"
    language: Literal["en", "de"] | None = None
    smaller_model: str | None = None
    checklist: str | None = None
    shadow: bool = False
    as_recorded: bool = False
    mask: Literal["auto", "off", "rect"] = "auto"
    mask_layouts: Path | None = None
    consent_words: str = Field("Everybody in the room agreed that sound is recorded.", min_length=1, max_length=500)
    gaze: str | None = None
    trainee: str | None = Field(None, min_length=1, max_length=64, pattern=r"^[\w.-]+$")
    case: str = ""
    predicted_gaze: Literal["shown", "hidden", "afterwards"] = "hidden"


def load_config(file: Path | None, overrides: Mapping[str, Any]) -> RunConfig:
    """Settings from a TOML file with the command line's on top.

    Args:
        file: TOML with the names of ``RunConfig``, or None.
        overrides: settings that win over the file; None values are left out.

    Raises:
        ConfigError: the file cannot be read, or a setting is unknown or out of range.
    """
    settings: dict[str, Any] = {}
    if file is not None:
        try:
            settings = tomllib.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"config '{file}' cannot be read: {error.strerror}") from error
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"config '{file}' is not TOML: {error}") from error
    settings |= {name: value for name, value in overrides.items() if value is not None}
    try:
        return RunConfig.model_validate(settings)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        where = f"config '{file}'" if file is not None else "settings"
        if first["type"] == "extra_forbidden":
            raise ConfigError(
                f"{where}: unknown key '{name}': expected one of {', '.join(RunConfig.model_fields)}"
            ) from error
        raise ConfigError(f"{where}: {name}: {first['msg']}, got {first['input']!r}") from error
