"""A window that stands still costs the run nothing: not a frame of the recording, not a guidance."""

import time

from PyQt6.QtWidgets import QApplication

from assistant.config import load_config
from assistant.pipeline import start_run
from assistant.session.reader import SessionReader
from tests.ui.conftest import discard
from ui.window import Window

STALL_S = 2.0
FPS = 38 / 3
"""Of the film."""


def test_a_window_that_stalls_for_two_seconds_loses_no_recorded_frame(data_dir, tiny_bundle, tmp_path, qtbot):
    """Qt's thread does nothing at all for two seconds of a real run; a clock is waited for, not an event."""
    film = data_dir / "us_video" / "butterfly-ocular-phantom.mp4"
    settings = load_config(
        None, {"source": f"file:{film}", "model": str(tiny_bundle.path), "record": tmp_path / "recordings"}
    )
    run = start_run(settings)
    window = Window(run, title="Sonocue")
    try:
        window.show()
        window.start()
        qtbot.waitUntil(lambda: window.shown_frame is not None and window.shown_frame.index > 10, timeout=20_000)
        before, shown = run.snapshot().counters, window.shown_frame.index
        time.sleep(STALL_S)  # this is the stall
        after = run.snapshot().counters
        assert window.shown_frame.index == shown, "the window stood still"
        qtbot.waitUntil(lambda: window.shown_frame.index > shown + 20, timeout=20_000)
    finally:
        run.stop()
        run.wait()
        window._timer.stop()
        window.hide()
        discard(window)
        QApplication.processEvents()
    assert after.captured - before.captured > 0.7 * FPS * STALL_S, "the run went on"
    assert after.guided > before.guided
    summary = run.summary()
    assert summary["lost"] == 0
    assert summary["captured"] == summary["recorded"]
    indices = SessionReader(run.snapshot().session).frame_indices
    assert indices.tolist() == list(range(summary["captured"])), "no gap where the window stood still"
