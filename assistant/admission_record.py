"""Remembers which engines agreed in full with which models on this machine, in the user's cache folder.

A full comparison is needed once for each model, engine, version, setting and processor; each start then compares a few
frames. Only admissions are kept: what was refused is compared again, since a driver may have been mended. Runs on the
thread that loads the engine.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.cache_folder import cache_folder
from assistant.model_contracts import ModelBundle
from assistant.processor import processor_identity

if TYPE_CHECKING:
    from assistant.admission import Agreement

_VERSION = 1
"""Goes up when the comparison changes, so that earlier ones no longer count."""


def was_admitted(bundle: ModelBundle, description: str) -> bool:
    """Did this engine agree in full before, here?

    Args:
        bundle: the model.
        description: what ``Backend.load`` said: engine, version, precision, device.
    """
    file = _file(bundle, description)
    try:
        kept = json.loads(file.read_text(encoding="utf-8")) if file is not None else None
    except (OSError, ValueError):
        return False
    return isinstance(kept, dict) and kept.get("about") == _about(bundle, description)


def remember(bundle: ModelBundle, description: str, agreement: Agreement) -> None:
    """Keep an admission; where nothing can be kept, the next start compares in full again."""
    file = _file(bundle, description)
    if file is None:
        return
    temporary = file.with_suffix(f".{os.getpid()}")
    try:
        temporary.write_text(
            json.dumps({"about": _about(bundle, description), "agreement": asdict(agreement)}, indent=2) + "\n",
            encoding="utf-8",
        )
        temporary.replace(file)
    except OSError:
        temporary.unlink(missing_ok=True)


def _about(bundle: ModelBundle, description: str) -> dict[str, str | int]:
    return {
        "version": _VERSION,
        "model": bundle.digest,
        "engine": description,
        "processor": processor_identity(),
    }


def _file(bundle: ModelBundle, description: str) -> Path | None:
    folder = cache_folder("admission")
    about = json.dumps(_about(bundle, description), sort_keys=True)
    return None if folder is None else folder / f"{hashlib.sha256(about.encode()).hexdigest()[:32]}.json"
