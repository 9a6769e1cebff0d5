"""One picture of each standard plane, beside real ones where they are at hand. Runs on the main thread.

The pictures come from a good pose on each plane, not from a scan, so that anatomy alone is judged.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from assistant.contracts import UInt8Array
from assistant.errors import ConfigError
from plugins.phantom.geometry import Pose, Sector
from plugins.phantom.moment import Moment, View
from plugins.phantom.planes import StandardPlane
from plugins.phantom.scan import Scan
from plugins.phantom.settings import ScanSettings, checked

_COLUMNS = 4
_WIDTH_PX = 480
"""Of one picture."""
_CLOSE_UPS = ("lips", "profile", "kidneys", "four-chamber view", "LVOT", "RVOT", "three-vessel view")
_CLOSE = 0.72
"""Small structures are looked at with less depth, as share of the scan's own."""
_REAL_NAMES = {
    "transventricular brain": "BRAIN-TV",
    "lips": "LIPS",
    "abdomen": "ABDOMINAL",
    "kidneys": "KIDNEYS",
    "femur": "FEMUR",
    "sagittal spine": "SPINE-SAGITTAL",
    "four-chamber view": "4CH",
}
"""File names of the published SonoNet examples, by plane."""


def save_gallery(out: Path, *, seed: int, subjects: int = 1, real: Path | None = None) -> None:
    """Write a PNG: for each subject every plane with its label, four in a row.

    Args:
        out: the file.
        seed: the first subject.
        subjects: how many subjects.
        real: folder with the published SonoNet examples (``4CH.png``, ...); each stands before its plane.

    Raises:
        ConfigError: the picture cannot be written there, or there is no real picture in ``real``.
    """
    beside = _real_pictures(real) if real is not None else {}
    scans = [Scan(checked(ScanSettings(seed + k))) for k in range(subjects)]
    shown = [{plane.name: _picture(scan, plane) for plane in scan.fetus.planes} for scan in scans]
    pictures = []
    for name in shown[0]:
        pictures += [beside[name]] if name in beside else []
        pictures += [planes[name] for planes in shown]
    height_px = max(picture.shape[0] for picture in pictures)
    pictures = [np.pad(picture, ((0, height_px - picture.shape[0]), (0, 4))) for picture in pictures]
    pictures += [np.zeros_like(pictures[0])] * (-len(pictures) % _COLUMNS)
    rows = [np.hstack(pictures[k : k + _COLUMNS]) for k in range(0, len(pictures), _COLUMNS)]
    encoded = cv2.imencode(".png", np.vstack(rows))[1].tobytes()
    temporary = out.with_name(out.name + ".tmp")
    try:
        temporary.write_bytes(encoded)
        temporary.replace(out)
    except OSError as error:
        raise ConfigError(f"picture '{out}' cannot be written: {error.strerror}") from error


def on_plane(plane: StandardPlane, sector: Sector) -> Pose:
    """The pose from which a plane is best seen: through its anchor, from its best side, the anchor in the middle."""
    view = plane.view - (plane.view @ plane.normal) * plane.normal
    view /= np.linalg.norm(view)
    rotation = np.stack([np.cross(view, plane.normal), view, plane.normal], axis=1)
    return Pose(plane.anchor_mm, rotation, 0.52 * sector.depth_mm)


def _picture(scan: Scan, plane: StandardPlane) -> UInt8Array:
    sector = scan.path().at(0.0).view.sector
    sector = replace(sector, depth_mm=sector.depth_mm * (_CLOSE if plane.name in _CLOSE_UPS else 1.0))
    moment = Moment(on_plane(plane, sector), View(sector), 0.0)
    screen = scan.screen.show(scan.renderer().grey(moment.pose, moment.view, moment.body_s), moment)
    top, left, bottom, right = scan.screen.sector_crop
    height_px, width_px = screen.shape
    sector_only = screen[
        round(top * height_px) : round(bottom * height_px), round(left * width_px) : round(right * width_px)
    ]
    return _titled(sector_only, scan.label(moment))


def _real_pictures(folder: Path) -> dict[str, UInt8Array]:
    paths = {plane: next(folder.rglob(f"{name}.png"), None) for plane, name in _REAL_NAMES.items()}
    images = {plane: cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for plane, path in paths.items() if path is not None}
    found = {plane: _titled(np.asarray(i, np.uint8), f"real: {plane}") for plane, i in images.items() if i is not None}
    if not found:
        names = ", ".join(f"{name}.png" for name in _REAL_NAMES.values())
        raise ConfigError(f"gallery: no real picture in '{folder}': expected some of {names}; leave the option out")
    return found


def _titled(screen: UInt8Array, title: str) -> UInt8Array:
    height_px = round(screen.shape[0] * _WIDTH_PX / screen.shape[1])
    small = cv2.resize(screen, (_WIDTH_PX, height_px), interpolation=cv2.INTER_AREA)
    cv2.putText(small, title, (8, height_px - 10), cv2.FONT_HERSHEY_SIMPLEX, 0.55, 255, 1, cv2.LINE_AA)
    return np.asarray(small, np.uint8)
