"""Pictures of the window, saved: stills by key, and the one screenshot of a run. On Qt's main thread.

Saving takes some tenths of a second, during which Qt lets go of Python's lock: capture and recording go on.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from pathlib import Path

import numpy as np
from PyQt6.QtGui import QImage, QImageWriter
from PyQt6.QtWidgets import QWidget

from assistant.contracts import Frame
from assistant.errors import SessionError
from assistant.snapshot import Snapshot

GRAB_PERIOD_NS = 500_000_000


def save_png(image: QImage, path: Path) -> None:
    """Write under a temporary name, then rename.

    Raises:
        SessionError: the file cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        writer = QImageWriter(str(unfinished), b"png")
        writer.setQuality(80)  # for PNG: the faster end of lossless compression
        problem = "" if writer.write(image) else writer.errorString()
        if not problem:
            unfinished.replace(path)
    except OSError as error:
        problem = error.strerror or str(error)
    if problem:
        with suppress(OSError):  # it may be the folder that there is not
            unfinished.unlink()
        raise SessionError(f"picture '{path}' cannot be written: {problem}")


def save_still(window: QWidget, snapshot: Snapshot, frame: Frame) -> Path:
    """Save the bare image in its own size, and the window as it stands, into a folder ``stills``.

    It lies beside the session, not in it: a session holds what its manifest lists and nothing else. Where nothing is
    recorded it lies in the current folder.

    Returns:
        The bare image's file.

    Raises:
        SessionError: they cannot be written.
    """
    if snapshot.session is None:
        folder, origin = Path.cwd(), f"{datetime.now():%Y%m%d-%H%M%S}"
    else:
        folder, origin = snapshot.session.parent, snapshot.session.name.removesuffix(".partial")
    name = f"{origin}-frame{frame.index:06d}"
    pixels = np.ascontiguousarray(frame.pixels)
    layout = QImage.Format.Format_Grayscale8 if pixels.ndim == 2 else QImage.Format.Format_RGB888
    bare = QImage(pixels.tobytes(), frame.width_px, frame.height_px, pixels.strides[0], layout)
    image_file = folder / "stills" / f"{name}.png"
    save_png(bare, image_file)
    save_png(window.grab().toImage(), image_file.with_name(f"{name}-window.png"))
    return image_file


class ScreenshotKeeper:
    """Keeps the picture of the window that shows the most: the surest standard plane with its heatmap, if any.

    Among pictures that show as much, the last one is kept.
    """

    def __init__(self, window: QWidget) -> None:
        self._window = window
        self._image: QImage | None = None
        self._rank = -1
        self._confidence = 0.0
        self._due_ns = 0

    def consider(self, snapshot: Snapshot, *, heat_visible: bool, now_ns: int, last: bool = False) -> None:
        """Look at the window now and then, and always when it is the ``last`` chance."""
        guidance = snapshot.guidance
        named = None if guidance is None else guidance.decision.plane
        standard = named in {progress.plane for progress in snapshot.planes}
        rank = (snapshot.frame is not None) + (guidance is not None) + (named is not None) + standard + 2 * heat_visible
        confidence = guidance.decision.confidence if standard and guidance is not None else 0.0
        as_good = rank == self._rank and confidence >= self._confidence
        if rank > self._rank or (as_good and (last or now_ns >= self._due_ns)):
            self._image = self._window.grab().toImage()
            self._rank, self._confidence = rank, confidence
            self._due_ns = now_ns + GRAB_PERIOD_NS

    def save(self, path: Path) -> None:
        """Save what was kept. Raises ``SessionError`` when it cannot be written or nothing was kept."""
        if self._image is None:
            raise SessionError(f"screenshot '{path}': the window closed before it showed anything")
        save_png(self._image, path)
