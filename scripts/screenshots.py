"""Makes the pictures of the windows in docs/images again, from nothing but the software scanner and the default model.

    python scripts/screenshots.py [--out FOLDER]

Needs Xvfb and xcompmgr. Every window is the real one, over a moment of a real run: the first one that shows what the
picture is for.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from assistant.config import load_config
from assistant.pipeline import start_run
from assistant.run import Run
from assistant.screen_region import ScreenRegion
from assistant.snapshot import Snapshot
from assistant.teaching.cases import Case
from assistant.teaching.open_gaze import create_tracker
from assistant.virtual_screen import virtual_screen

SIZE_PX = (1600, 900)
PREVIEW_S = 30.0
PATIENCE_S = 120.0
SOURCE = "phantom:1,seconds=90"

Wanted = Callable[[Snapshot], bool]


def names_a_plane(now: Snapshot) -> bool:
    """A plane that dwelt long enough to count, surely."""
    said = None if now.guidance is None else now.guidance.decision
    seen = {progress.plane for progress in now.planes if progress.seen}
    return said is not None and said.plane in seen and said.confidence > 0.95


def abstains(now: Snapshot) -> bool:
    """The model does not name anything, after it has named something."""
    seen = any(progress.seen for progress in now.planes)
    return now.guidance is not None and now.guidance.decision.plane is None and seen


class StillRun:
    """One moment of a run, for a window to look at."""

    def __init__(self, moment: Snapshot) -> None:
        self._moment = moment

    def snapshot(self) -> Snapshot:
        """See ``SnapshotSource``."""
        return self._moment

    def stop(self) -> None:
        """Nothing runs."""

    def mark(self, item: str, state: str) -> None:
        """The pictures show how it is offered."""


def moments(record: Path, wanted: dict[str, Wanted]) -> dict[str, Snapshot]:
    """The first moment of each kind, in lock-step, so that they are the same on every machine."""
    found: dict[str, Snapshot] = {}
    runs: list[Run] = []

    def look(_guidance: object) -> None:
        if not runs:
            return
        now = runs[0].snapshot()
        for name, fits in wanted.items():
            if name not in found and fits(now):
                found[name] = now
        if len(found) == len(wanted):
            runs[0].stop()

    settings = load_config(None, {"source": SOURCE, "lockstep": True, "record": record, "subject": "S001"})
    runs.append(start_run(settings, on_guidance=look))
    runs[0].wait(PATIENCE_S)
    runs[0].stop()
    runs[0].wait()
    if missing := wanted.keys() - found.keys():
        raise SystemExit(f"screenshots: the scan never showed: {', '.join(missing)}")
    return found


@contextmanager
def compositor() -> Iterator[None]:
    """Windows may be half transparent while it lasts."""
    if shutil.which("xcompmgr") is None:
        raise SystemExit("screenshots: xcompmgr is not installed (apt-get install xcompmgr)")
    process = subprocess.Popen(["xcompmgr", "-n"], stderr=subprocess.DEVNULL)
    time.sleep(1.0)
    yield
    process.terminate()
    process.wait()


def take(out: Path) -> None:
    """All pictures, on the screen that ``DISPLAY`` names."""
    from PyQt6.QtCore import QRect, Qt
    from PyQt6.QtTest import QTest
    from PyQt6.QtWidgets import QWidget

    from ui.app import new_application
    from ui.image_view import ImageView
    from ui.overlay.app import open_overlay
    from ui.overlay.place import Place
    from ui.remembered import Remembered
    from ui.start_page import StartPage
    from ui.training.calibration_screen import CalibrationScreen
    from ui.training.case_screen import CaseScreen
    from ui.translation import choose_language
    from ui.window import Window

    application = new_application("en")
    found = moments(Path("recordings"), {"live": names_a_plane, "abstaining": abstains})

    def picture(name: str, moment: Snapshot, *, helping: bool = False, frozen: bool = False) -> None:
        window = Window(StillRun(moment), title="Sonocue")
        window.resize(*SIZE_PX)
        window.show()
        window.pull()
        if frozen:
            window.press("freeze")
        if helping:
            window.press("help")
        application.processEvents()
        window.grab().save(str(out / f"{name}.png"))
        window.hide()
        window.deleteLater()

    def laid_over(name: str, moment: Snapshot) -> None:
        """The overlay over a viewer that shows the image, with all that is on the screen there."""
        if moment.frame is None:
            raise SystemExit("screenshots: the scan has no image")
        area = QRect(60, 60, 1000, round(1000 * moment.frame.height_px / moment.frame.width_px))
        viewer = ImageView()
        viewer.setWindowFlag(Qt.WindowType.FramelessWindowHint)
        viewer.setGeometry(area)
        viewer.show()
        viewer.show_snapshot(replace(moment, guidance=None, gaze=None))
        application.processEvents()
        place = Place(ScreenRegion(area.width(), area.height(), area.x(), area.y()), True, None, False)
        control = open_overlay(StillRun(moment), place, area, None, title="Sonocue")
        control.show()
        control.pull()
        QTest.qWait(500)
        desktop = application.primaryScreen()
        if desktop is not None:
            shown = area.united(control.geometry()).adjusted(-20, -20, 20, 20)
            desktop.grabWindow(0, shown.x(), shown.y(), shown.width(), shown.height()).save(str(out / f"{name}.png"))
        control.put_away()
        viewer.close()

    def page(name: str) -> None:
        shown = StartPage(Remembered())
        shown.resize(*SIZE_PX)
        shown.show()
        until = time.monotonic() + PREVIEW_S
        while time.monotonic() < until and not shown.tiles[0].shows_picture:
            application.processEvents()
            time.sleep(0.02)
        shown.look()
        application.processEvents()
        shown.grab().save(str(out / f"{name}.png"))
        shown.hide()
        shown.wait_left()
        shown.deleteLater()

    def screen(name: str, shown: QWidget) -> None:
        shown.resize(*SIZE_PX)
        shown.show()
        application.processEvents()
        shown.grab().save(str(out / f"{name}.png"))
        shown.hide()
        shown.deleteLater()

    picture("window", found["live"])
    picture("window-abstaining", found["abstaining"])
    picture("window-frozen", found["live"], frozen=True)
    picture("window-help", found["live"], helping=True)
    laid_over("overlay-dots", found["live"])
    with compositor():
        laid_over("overlay", found["live"])
    page("start-page")
    tracker = create_tracker("mouse")
    screen("training-calibration", CalibrationScreen(tracker, "mouse", 600.0))
    tracker.close()
    cases = (Case(n, f"20261125T0{n}0000", Path(), 55.0 * n, n == 2, n == 1) for n in range(1, 6))
    screen("training-cases", CaseScreen(tuple(cases), blinded=True))
    choose_language(application, "de")
    picture("window-german", found["live"])
    page("start-page-german")


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description="Make the pictures of the windows again.")
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parents[1] / "docs" / "images")
    out = parser.parse_args().out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    with virtual_screen() as name, tempfile.TemporaryDirectory() as folder:
        os.environ |= {"DISPLAY": name, "QT_QPA_PLATFORM": "xcb", "XDG_CONFIG_HOME": folder}
        os.chdir(folder)
        take(out)


if __name__ == "__main__":
    main()
