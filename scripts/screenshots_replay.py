"""Pictures of the replay window for the documents, of a scan that the software scanner makes.

    python scripts/screenshots_replay.py [FOLDER]

Writes ``replay.png``, ``replay-compare.png``, ``replay-keys.png`` and ``replay-label.png``; about a minute of one core.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from assistant.virtual_screen import any_screen

SECONDS = 40
SIZE = (1440, 900)


def record_a_scan(folder: Path) -> Path:
    """A guided session of the software scanner."""
    from assistant.config import RunConfig
    from assistant.pipeline import start_run

    run = start_run(RunConfig(source="phantom:1", record=folder, lockstep=True, seconds=SECONDS, subject="S001"))
    run.wait()
    return next(path for path in folder.iterdir() if (path / "session.json").exists())


def replay_screens(folder: Path, session: Path | None = None) -> list[Path]:
    """Save the pictures into ``folder``; needs a display, and makes Qt's application when there is none.

    Args:
        folder: made when missing.
        session: a guided session; None: one is made.

    Returns:
        The files.
    """
    from PyQt6.QtCore import QCoreApplication, QEvent
    from PyQt6.QtWidgets import QApplication

    from assistant.class_list import load_class_list
    from ui.keys import KeyHelp
    from ui.replay.dialogs import PlaneDialog
    from ui.replay.window import ReplayWindow
    from ui.stills import save_png

    application = QCoreApplication.instance() or QApplication(["screenshots"])
    with tempfile.TemporaryDirectory() as scratch:
        if session is None:
            session = record_a_scan(Path(scratch))
        class_list = load_class_list()
        window = ReplayWindow(session, class_list, with_sound=False)
        sitting = window.sitting
        if sitting is None or sitting.player is None:
            raise SystemExit(f"screenshots: '{session}' cannot be shown")
        player = sitting.player

        def until(condition: Callable[[], object], deadline_s: float = 300.0) -> None:
            end = time.monotonic() + deadline_s
            while not condition() and time.monotonic() < end:
                application.processEvents()
                time.sleep(0.01)
            for _ in range(60):  # what changes seldom is shown twice a second
                application.processEvents()
                time.sleep(0.01)

        made = []

        def keep(name: str) -> None:
            made.append(folder / name)
            save_png(window.grab().toImage(), made[-1])

        window.resize(*SIZE)
        window.show()
        until(lambda: sitting.recording.wait(0))
        sitting.notes.label(285, 390, "transventricular brain")
        sitting.notes.label(885, 990, "femur")
        sitting.notes.note(360, 361, "midline a little oblique here")
        player.seek(330)
        until(lambda: player.moment.position == 330)
        keep("replay.png")
        window.findChild(KeyHelp).show()
        until(lambda: True)
        keep("replay-keys.png")
        window.findChild(KeyHelp).hide()
        dialog = PlaneDialog(class_list, "transventricular brain", "105 frames", window)
        dialog.show()
        until(lambda: True)
        made.append(folder / "replay-label.png")
        save_png(dialog.grab().toImage(), made[-1])
        dialog.close()
        window.run_model("default")
        until(lambda: sitting.other is not None and not sitting.other.running)
        until(lambda: player.moment.other.guidance is not None)
        keep("replay-compare.png")
        window.close()
        window.deleteLater()
        application.sendPostedEvents(window, QEvent.Type.DeferredDelete)
    return made


def main() -> None:
    """Make them."""
    parser = argparse.ArgumentParser(description="Pictures of the replay window.")
    parser.add_argument("folder", type=Path, nargs="?", default=Path("docs/images"))
    parser.add_argument("--session", type=Path)
    arguments = parser.parse_args()
    with any_screen():
        for file in replay_screens(arguments.folder, arguments.session):
            print(file)


if __name__ == "__main__":
    main()
