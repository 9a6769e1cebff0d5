"""The replay window as a user has it: real keys and mouse through the X server, real sessions on the disk."""

import csv
import json
import shutil
import subprocess

import pytest
from PyQt6.QtCore import QPoint, QPointF, Qt, QTimer
from PyQt6.QtGui import QWheelEvent
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication, QLineEdit

from assistant.class_list import load_class_list
from assistant.session.manifest import _checksum, _render
from tests.replay.conftest import number_in, record
from tests.sonocue_command import run_sonocue
from tests.ui.conftest import discard
from ui.banners import Banners
from ui.image_view import ImageView
from ui.keys import KeyButton, KeyHelp
from ui.replay.dialogs import NoteDialog, PlaneDialog
from ui.replay.export_dialog import ExportDialog
from ui.replay.keys import actions
from ui.replay.lists import DifferenceList, RemarkList
from ui.replay.timeline_view import TimelineView
from ui.replay.window import ReplayWindow

CLASSES = load_class_list()


@pytest.fixture
def session(tmp_path):
    return record(tmp_path, 240)


@pytest.fixture
def open_replay(qtbot, display, manual_clock):
    opened = []

    def open_over(path, **settings):
        window = ReplayWindow(path, CLASSES, clock=manual_clock, with_sound=False, **settings)
        opened.append(window)
        window.resize(1280, 800)
        window.show()
        qtbot.waitExposed(window)
        if window.sitting is not None:
            qtbot.waitUntil(lambda: window.sitting.recording.wait(0), timeout=20_000)
        window.x_environment = {"DISPLAY": display, "PATH": "/usr/bin:/bin"}
        return window

    yield open_over
    for window in opened:
        window.close()
        discard(window)


@pytest.fixture
def typed(open_replay, session, qtbot):
    """A replay that has the X server's keyboard."""
    if shutil.which("xdotool") is None:
        pytest.skip("xdotool is not installed (apt-get install xdotool)")
    window = open_replay(session)
    focus(window, qtbot)
    return window


def focus(window, qtbot):
    """Give it the keyboard: there is no window manager that would."""
    window.activateWindow()
    command = ["xdotool", "windowfocus", str(int(window.winId()))]
    subprocess.run(command, check=True, env=window.x_environment, timeout=10)
    qtbot.waitUntil(window.isActiveWindow, timeout=5000)


def answer(kind, act):
    """Do something with the next dialog as soon as it is open."""

    def look():
        dialog = QApplication.activeModalWidget()
        if isinstance(dialog, kind):
            act(dialog)
        else:
            QTimer.singleShot(20, look)

    QTimer.singleShot(20, look)


def press(window, *keys):
    subprocess.run(["xdotool", "key", "--clearmodifiers", *keys], check=True, env=window.x_environment, timeout=10)


def shows(window, qtbot, position):
    """Wait until the frame at ``position`` is painted, and see that it is that frame."""
    view = window.findChild(ImageView)
    qtbot.waitUntil(lambda: view._frame is not None and view._frame.index == position, timeout=5000)
    assert number_in(view._frame.pixels) == position


def banner(window):
    window.pull()
    return window.findChild(Banners).accessibleName()


def test_keys_seek_step_jump_and_play(typed, qtbot, manual_clock):
    shows(typed, qtbot, 0)
    for keys, position in (
        (["period"], 1), (["period", "period"], 3), (["comma"], 2), (["Right"], 32), (["Left"], 2), (["Next"], 30),
        (["Next"], 60), (["Next"], 150), (["Prior"], 60), (["ctrl+Next"], 150), (["ctrl+Prior"], 50),
        (["End"], 239), (["Home"], 0),
    ):  # fmt: skip
        press(typed, *keys)
        shows(typed, qtbot, position)
    press(typed, "plus", "plus", "plus", "plus", "plus")
    qtbot.waitUntil(lambda: typed.sitting.player.speed == 8.0)
    press(typed, "space")
    qtbot.waitUntil(lambda: typed.sitting.player.playing)
    manual_clock.advance(1.0)
    shows(typed, qtbot, 239)
    qtbot.waitUntil(lambda: not typed.sitting.player.playing)
    press(typed, "minus", "minus", "minus", "minus", "minus", "minus", "minus", "m")
    qtbot.waitUntil(lambda: typed.sitting.player.speed == 0.25 and typed.sitting.player.muted)


def test_keys_show_and_hide(typed, qtbot):
    view, helping = typed.findChild(ImageView), typed.findChild(KeyHelp)
    press(typed, "Right")
    qtbot.waitUntil(lambda: view.heat_visible)
    press(typed, "h")
    qtbot.waitUntil(lambda: not view.heat_visible)
    press(typed, "h", "v")
    qtbot.waitUntil(lambda: not view.heat_visible and not typed._footer.buttons["overlays"].isChecked())
    press(typed, "question")
    qtbot.waitUntil(helping.isVisible)
    press(typed, "Escape")
    qtbot.waitUntil(lambda: not helping.isVisible())
    before = typed.findChild(TimelineView).shown_ns
    press(typed, "ctrl+Up")
    qtbot.waitUntil(lambda: typed.findChild(TimelineView).shown_ns != before)
    press(typed, "ctrl+Down")
    qtbot.waitUntil(lambda: typed.findChild(TimelineView).shown_ns == before)
    press(typed, "f")
    qtbot.waitUntil(typed.isFullScreen)
    press(typed, "f")
    qtbot.waitUntil(lambda: not typed.isFullScreen())
    press(typed, "q")
    qtbot.waitUntil(lambda: not typed.isVisible())


def test_a_range_is_labelled_noted_and_undone_by_keys(typed, qtbot, session):
    table = session.parent / "labels.csv"
    press(typed, "Right", "i")
    qtbot.waitUntil(lambda: typed.annotating._range[0] == 30)
    press(typed, "Right", "o")
    qtbot.waitUntil(lambda: typed.annotating._range == (30, 60))

    def choose(dialog):
        QTest.keyClicks(dialog.findChild(QLineEdit), "four")
        QTest.keyClick(dialog, Qt.Key.Key_Return)

    answer(PlaneDialog, choose)
    press(typed, "l")
    qtbot.waitUntil(table.exists, timeout=5000)
    (row,) = csv.DictReader(table.open())
    assert (row["file"], row["plane"]) == ("scan", "four-chamber view")
    assert [(label.start, label.stop) for label in typed.sitting.notes.labels] == [(30, 61)]

    def write(dialog):
        QTest.keyClicks(dialog.findChild(QLineEdit), "valve is seen")
        QTest.keyClick(dialog, Qt.Key.Key_Return)

    focus(typed, qtbot)
    answer(NoteDialog, write)
    press(typed, "n")
    qtbot.waitUntil(lambda: len(typed.sitting.notes.notes) == 1, timeout=5000)
    qtbot.waitUntil(lambda: typed.findChild(RemarkList).list.count() == 2, timeout=5000)
    focus(typed, qtbot)
    press(typed, "u", "u")
    qtbot.waitUntil(lambda: typed.sitting.notes.labels == () and typed.sitting.notes.notes == ())
    press(typed, "Escape")
    qtbot.waitUntil(lambda: typed.annotating._range == (None, None))
    assert typed.isVisible()


def test_mouse_seeks_drags_enlarges_and_shows_a_thumbnail(open_replay, session, qtbot):
    window = open_replay(session)
    timeline = window.findChild(TimelineView)
    QTest.mouseClick(timeline, Qt.MouseButton.LeftButton, pos=QPoint(round(timeline.x_of(100)), 30))
    qtbot.waitUntil(lambda: abs(window.sitting.player.moment.position - 100) <= 1)
    QTest.mousePress(timeline, Qt.MouseButton.LeftButton, pos=QPoint(round(timeline.x_of(20)), 30))
    for position in (60, 140, 200):
        QTest.mouseMove(timeline, QPoint(round(timeline.x_of(position)), 30))
    QTest.mouseRelease(timeline, Qt.MouseButton.LeftButton, pos=QPoint(round(timeline.x_of(200)), 30))
    qtbot.waitUntil(lambda: abs(window.sitting.player.moment.position - 200) <= 1)
    QTest.mouseMove(timeline, QPoint(round(timeline.x_of(90)), 30))
    qtbot.waitUntil(lambda: timeline.thumbnail_visible, timeout=5000)
    before = timeline.shown_ns
    at = QPointF(timeline.x_of(90), 30)
    wheel = QWheelEvent(
        at, timeline.mapToGlobal(at), QPoint(), QPoint(0, 120), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(timeline, wheel)
    assert timeline.shown_ns[1] - timeline.shown_ns[0] < before[1] - before[0]


def test_a_still_and_an_export_by_the_dialog(open_replay, session, qtbot):
    window = open_replay(session)
    window._still()
    assert len(list((session.parent / "stills").iterdir())) == 2

    def go(dialog):
        dialog._video.setChecked(False)
        dialog._begin_button.click()

    answer(ExportDialog, go)
    window._footer.buttons["export"].click()
    names = {file.suffix for file in (session.parent / "exports").iterdir()}
    assert names == {".csv", ".png"}
    assert "files in" in window._footer.accessibleDescription()


def test_another_model_stands_beside_with_its_differences(open_replay, session, qtbot, tiny_bundle, manual_clock):
    window = open_replay(session, model=str(tiny_bundle.path), backends=("onnxruntime",))
    differences = window.findChild(DifferenceList)

    def done():
        manual_clock.advance(1)
        return differences.isVisible() and differences.list.count() > 0

    qtbot.waitUntil(done, timeout=60_000)
    first = window._navigating.differences[0]
    differences.list.itemClicked.emit(differences.list.item(0))
    qtbot.waitUntil(lambda: window.sitting.player.moment.position == first)
    qtbot.waitUntil(lambda: window.sitting.player.moment.other.guidance is not None)
    assert window.sitting.player.moment.other.guidance.frame_index == first


def test_every_action_has_a_reaction_a_name_and_a_line_in_the_help(open_replay, session):
    window = open_replay(session)
    reactions = {*window._playing_reactions(), "help", "close", "fullscreen"}
    assert {action.name for action in actions()} == reactions
    keys = [key for action in actions() for key in action.keys]
    assert len(keys) == len(set(keys))
    said = window.findChild(KeyHelp).accessibleDescription()
    for action in actions():
        assert action.explanation in said
    for button in window.findChildren(KeyButton):
        assert button.accessibleName()
        assert button.focusPolicy() & Qt.FocusPolicy.TabFocus


# Bad input ----------------------------------------------------------------------------------------------------------


def test_what_a_session_has_not_is_said(open_replay, tmp_path, qtbot):
    for number, (made, words) in enumerate(
        (
            ({"sound": False}, "without sound"), ({"guided": False}, "R runs a model"),
            ({"close": False}, "not closed"), ({"frames": 0, "sound": False}, "holds no images"),
        )
    ):  # fmt: skip
        window = open_replay(record(tmp_path / str(number), **{"frames": 60, **made}))
        assert words in banner(window)
        window.close()


def test_a_newer_version_and_no_session_are_said(open_replay, session, tmp_path):
    document = json.loads((session / "session.json").read_text())
    document.pop("checksum")
    document["version"] = 2
    (session / "session.json").write_text(_render({**document, "checksum": _checksum(document)}))
    said = banner(open_replay(session))
    assert "Cannot open" in said
    assert "expected format version 1, got 2" in said
    assert "no such folder" in banner(open_replay(tmp_path / "nothing"))


def test_a_frame_that_cannot_be_read_is_said_and_the_window_stays(open_replay, session, qtbot):
    (session / "video-000.mkv").write_bytes(b"no video")
    window = open_replay(session)
    qtbot.waitUntil(lambda: window.sitting.player.moment.problem != "")
    window.pull()
    assert "video-000.mkv" in window._facts.text()


def test_a_table_that_does_not_fit_is_said_in_plain_words(open_replay, session, qtbot, manual_clock):
    table = session.parent / "labels.csv"
    table.write_text("file,start_s,end_s,plane\nscan,1,2,left elbow\nscan,100,101,femur\nother,1,2,femur\n")
    before = table.read_bytes()
    window = open_replay(session)
    said = banner(window)
    assert "labels.csv line 2" in said
    assert "no plane of this name (got: left elbow)" in said
    assert "outside this recording" in said
    assert table.read_bytes() == before
    table.write_text("something else entirely\n")
    window.sitting.notes._load()
    manual_clock.advance(1)
    assert "nothing can be saved to it" in banner(window)


@pytest.mark.parametrize("table", ["frames.csv", "sound.csv"])
def test_half_a_session_is_one_line_where_it_was_typed(session, tmp_path, table):
    (session / table).unlink()
    status, out, err = run_sonocue("replay", session, folder=tmp_path)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1 and table in err and "Errno" not in err
