"""One picture of each standard plane, to be looked at. Runs on the main thread."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from assistant.contracts import UInt8Array
from assistant.errors import ConfigError
from plugins.phantom.scan import Scan
from plugins.phantom.settings import ScanSettings, checked

_COLUMNS = 3


def save_gallery(out: Path, *, seed: int, subjects: int = 1) -> None:
    """Write a PNG: for each subject every plane as its scan first dwells on it, with its label.

    Raises:
        ConfigError: the picture cannot be written there.
    """
    pictures = [picture for k in range(subjects) for picture in _pictures(Scan(checked(ScanSettings(seed + k))))]
    blank = np.zeros_like(pictures[0])
    pictures += [blank] * (-len(pictures) % _COLUMNS)
    rows = [np.hstack(pictures[k : k + _COLUMNS]) for k in range(0, len(pictures), _COLUMNS)]
    encoded = cv2.imencode(".png", np.vstack(rows))[1].tobytes()
    temporary = out.with_name(out.name + ".tmp")
    try:
        temporary.write_bytes(encoded)
        temporary.replace(out)
    except OSError as error:
        raise ConfigError(f"picture '{out}' cannot be written: {error.strerror}") from error


def _pictures(scan: Scan) -> list[UInt8Array]:
    path, renderer = scan.path(), scan.renderer()
    found: dict[str, UInt8Array] = {}
    wanted = [plane.name for plane in scan.fetus.planes]
    number = 0
    while missing := [name for name in wanted if name not in found]:
        visit = path.visit(number)
        number += 1
        if visit.plane.name not in missing:
            continue
        moments = np.arange(visit.dwell_start_s, visit.dwell_end_s, 0.1)
        labels = {float(t): scan.label(path.at(t)) for t in moments}
        good = [t for t, name in labels.items() if name == visit.plane.name]
        if good:
            time_s = good[len(good) // 2]
            moment = path.at(time_s)
            screen = scan.screen.show(renderer.grey(moment.pose, moment.view, moment.body_s), moment)
            found[visit.plane.name] = _titled(screen, visit.plane.name)
    return [found[name] for name in wanted]


def _titled(screen: UInt8Array, title: str) -> UInt8Array:
    at = (12, screen.shape[0] - 14)
    cv2.putText(screen, title, at, cv2.FONT_HERSHEY_SIMPLEX, 0.6, 255, 1, cv2.LINE_AA)
    return screen
