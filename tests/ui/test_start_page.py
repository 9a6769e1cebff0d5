"""The start page: what it offers, checks, remembers and says; by keys, by mouse, and with real previews."""

import os
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QListWidget,
)

from assistant.clock import MonotonicClock
from assistant.config import RunConfig
from assistant.found_devices import Found, FoundDevice
from assistant.session.writer import SessionHeader, SessionWriter
from tests.ui.conftest import ARTEFACTS, discard
from tests.ui.scripted_run import frame_of, sector_image
from ui import previews
from ui.recent_sessions import recent_sessions
from ui.remembered import FILE_NAME, Remembered, recall, remember
from ui.source_tile import SourceTile
from ui.start_choices import SCANNER, SCREEN, STEERED, Surroundings, spec_of
from ui.start_page import StartPage
from ui.start_words import session_line

MICROPHONES = Found(
    (FoundDevice("sounddevice:Desk", "ALSA", is_default=True), FoundDevice("sounddevice:Head", "ALSA")), ()
)
NOTHING = Surroundings(Found((), ()), Found((), ()), (), ())
pytestmark = pytest.mark.usefixtures("own_folders")


@pytest.fixture
def open_page(qtbot, monkeypatch):
    """Opens a page that finds what the test says; without previews unless asked."""
    opened = []

    def open_it(found=NOTHING, chosen=None, *, looks=0, size=(1280, 800)) -> StartPage:
        monkeypatch.setattr(previews, "MOST", looks)
        page = StartPage(chosen or Remembered(), lambda _record: found)
        opened.append(page)
        page.started_with = []
        page.started.connect(page.started_with.append)
        page.resize(*size)
        page.show()
        qtbot.waitExposed(page)
        page.activateWindow()
        qtbot.waitUntil(lambda: page._finding is None and "Looking" not in page.hint.text())
        return page

    yield open_it
    for page in opened:
        page.hide()
        page.wait_left()
        discard(page)


def chosen_tile(page):
    (tile,) = [tile for tile in page.tiles if tile.isChecked()]
    return tile


def press(page, key, modifier=Qt.KeyboardModifier.NoModifier):
    """A key for whatever has the focus."""
    QTest.keyClick(page.focusWidget() or page, key, modifier)


# What it offers -----------------------------------------------------------------------------------------------------


def test_with_nothing_attached_the_software_scanner_is_offered(open_page):
    page = open_page()
    assert chosen_tile(page).spec == SCANNER
    assert page.focusWidget() is chosen_tile(page)
    assert "No camera" in page.hint.text()
    press(page, Qt.Key.Key_Return)
    (settings,) = page.started_with
    assert isinstance(settings, RunConfig)
    assert (settings.source, settings.model, settings.microphone) == (SCANNER, "default", None)
    assert settings.record == Path("recordings")


def test_a_camera_comes_first_and_what_was_chosen_last_time_is_chosen_again(open_page):
    found = Surroundings(
        Found((FoundDevice("opencv:/dev/video0"), FoundDevice("opencv:/dev/video2")), ()), MICROPHONES, (), ()
    )
    assert chosen_tile(open_page(found)).spec == "opencv:/dev/video0"
    page = open_page(found, Remembered(source="opencv:/dev/video2", microphone="sounddevice:Head", heatmap="frozen"))
    assert chosen_tile(page).spec == "opencv:/dev/video2"
    assert page.form.microphone.currentData() == "sounddevice:Head"
    assert page.form.heatmap.currentData() == "frozen"
    assert [tile.spec for tile in page.tiles] == [
        "opencv:/dev/video0",
        "opencv:/dev/video2",
        SCANNER,
        STEERED,
        SCREEN,
        "",
    ]


def test_a_microphone_that_is_gone_is_not_offered(open_page):
    page = open_page(Surroundings(Found((), ()), MICROPHONES, (), ()), Remembered(microphone="sounddevice:Gone"))
    names = [page.form.microphone.itemText(row) for row in range(page.form.microphone.count())]
    assert names == ["None", "Desk (default)", "Head"]
    assert page.form.microphone.currentData() == ""


def test_looking_again_keeps_what_was_chosen_by_hand(open_page, qtbot):
    page = open_page()
    screen = next(tile for tile in page.tiles if tile.spec == SCREEN)
    QTest.mouseClick(screen, Qt.MouseButton.LeftButton)
    page._look_for = lambda _record: Surroundings(Found((FoundDevice("opencv:/dev/video0"),), ()), MICROPHONES, (), ())
    QTest.mouseClick(page.refresh, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(page.tiles) == 5)
    assert chosen_tile(page).spec == SCREEN


# Keys alone, mouse alone --------------------------------------------------------------------------------------------


def test_arrow_keys_go_through_the_tiles_and_tab_through_all_controls(open_page):
    page = open_page()
    press(page, Qt.Key.Key_Right)
    assert chosen_tile(page).spec == STEERED
    press(page, Qt.Key.Key_Down)
    assert chosen_tile(page).spec == ""
    reached, seen = page.focusWidget(), []
    while reached not in seen:
        seen.append(reached)
        press(page, Qt.Key.Key_Tab)
        reached = page.focusWidget()
    wanted = [page.other, page.other_button, page.refresh, page.sessions, *page.form.order, page.start]
    assert [widget for widget in seen if widget in wanted] == wanted
    assert not [widget for widget in seen if widget not in wanted and widget not in page.tiles]


def test_each_letter_leads_to_one_control(open_page):
    page = open_page()
    texts = [label.text() for label in page.findChildren(QLabel)]
    texts += [button.text() for button in page.findChildren(QAbstractButton)]
    letters = [text[text.index("&") + 1].lower() for text in texts if "&" in text]
    assert len(letters) > 10
    assert len(set(letters)) == len(letters), sorted(letters)
    press(page, Qt.Key.Key_B, Qt.KeyboardModifier.AltModifier)
    assert page.focusWidget() is page.form.subject
    QTest.keyClicks(page.form.subject, "S017")
    press(page, Qt.Key.Key_Return)
    assert page.started_with[0].subject == "S017"


def test_the_mouse_alone_is_enough(open_page):
    found = Surroundings(Found((), ()), MICROPHONES, (), ())
    page = open_page(found)
    QTest.mouseClick(next(tile for tile in page.tiles if tile.spec == SCREEN), Qt.MouseButton.LeftButton)
    page.form.microphone.setCurrentIndex(1)
    box = page.form.consent
    QTest.mouseClick(box, Qt.MouseButton.LeftButton, pos=box.rect().center() - box.rect().center() / 2)
    QTest.mouseClick(page.start, Qt.MouseButton.LeftButton)
    (settings,) = page.started_with
    assert (settings.source, settings.microphone, settings.consent) == (SCREEN, "sounddevice:Desk", True)


def test_while_a_run_is_being_opened_nothing_is_started(open_page):
    page = open_page()
    page.set_busy(True)
    press(page, Qt.Key.Key_Return)
    page.begin()
    assert page.started_with == []
    assert "Opening" in page.message.text()


# Bad input ----------------------------------------------------------------------------------------------------------


def test_no_microphone_without_consent(open_page):
    page = open_page(Surroundings(Found((), ()), MICROPHONES, (), ()))
    page.form.microphone.setCurrentIndex(1)
    page.begin()
    assert page.started_with == []
    assert "tick that all agreed" in page.message.text()
    assert page.message.isVisible()
    assert page.focusWidget() is page.form.consent
    press(page, Qt.Key.Key_Space)
    page.begin()
    assert page.started_with[0].consent


@pytest.mark.parametrize(
    ("typed", "words"), [("", "Name a file"), ("  ", "Name a file"), ("missing.mp4", "There is no file 'missing.mp4'")]
)
def test_a_source_that_is_none_is_said(open_page, typed, words):
    page = open_page()
    page.tiles[-1].click()
    page.other.setText(typed)
    page.begin()
    assert words in page.message.text()
    page.tiles[0].click()
    assert not page.message.isVisible(), "what it was about is not chosen any more"


def test_a_name_is_no_pseudonym(open_page):
    page = open_page()
    page.form.subject.setText("Mary Tanaka")
    page.begin()
    assert "letters, digits" in page.message.text()
    assert page.started_with == []


def test_a_file_is_chosen_in_a_dialog(open_page, tmp_path, monkeypatch):
    film = tmp_path / "scan.mp4"
    film.touch()
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(film), ""))
    page = open_page()
    QTest.mouseClick(page.other_button, Qt.MouseButton.LeftButton)
    assert page.source == f"file:{film}"
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
    QTest.mouseClick(page.other_button, Qt.MouseButton.LeftButton)
    assert page.source == f"file:{film}", "a dialog that was left changes nothing"


def test_a_models_folder_is_chosen_in_a_dialog(open_page, tmp_path, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    page = open_page()
    QTest.mouseClick(page.form.model_button, Qt.MouseButton.LeftButton)
    page.begin()
    assert page.started_with[0].model == str(tmp_path)


def test_models_where_the_readme_puts_them_are_offered(open_page):
    for folder in ("models/sononet16", "runs/first/model"):
        Path(folder).mkdir(parents=True)
        (Path(folder) / "SHA256SUMS").touch()
    from ui.start_choices import near_models

    page = open_page(replace(NOTHING, models=near_models()))
    shown = [page.form.model.itemData(row) for row in range(page.form.model.count())]
    assert shown == ["default", "", "models/sononet16", "runs/first/model"]


# What it remembers --------------------------------------------------------------------------------------------------


def test_choices_are_remembered_without_anything_of_a_patient(open_page, tmp_path):
    page = open_page(Surroundings(Found((), ()), MICROPHONES, (), ()))
    page.tiles[2].click()
    page.form.microphone.setCurrentIndex(2)
    page.form.heatmap.setCurrentIndex(1)
    page.form.subject.setText("S017")
    page.form.consent.setChecked(True)
    page.form.record.setChecked(False)
    remember(page.remembered())
    file = tmp_path / "config" / "sonocue" / FILE_NAME
    kept = tomllib.loads(file.read_text())
    assert kept == {
        "source": SCREEN, "microphone": "sounddevice:Head", "model": "default", "checklist": "", "heatmap": "frozen",
        "language": "", "record": "",
    }  # fmt: skip
    assert "S017" not in file.read_text()
    assert recall() == Remembered(**kept)
    again = open_page(Surroundings(Found((), ()), MICROPHONES, (), ()), recall())
    assert again.remembered() == page.remembered()
    assert again.form.subject.text() == ""
    assert not again.form.consent.isChecked()


# The last sessions --------------------------------------------------------------------------------------------------


def record(folder, subject, *, complete=True):
    header = SessionHeader(subject, False, "phantom", (), {}, None)
    writer = SessionWriter(folder, header, MonotonicClock())
    for index in range(3):
        writer.put(frame_of(sector_image(48, 64), index))
    return writer.close(complete=complete, reason="" if complete else "killed")


def test_the_last_sessions_are_listed_and_one_is_opened(open_page, tmp_path):
    folder = tmp_path / "sessions"
    for subject, complete in (("S001", True), ("S002", False)):
        written = record(folder, subject, complete=complete)
        os.utime(written, (int(subject[1:]) * 1000,) * 2)
    (folder / "nothing").mkdir()
    (folder / "broken").mkdir()
    (folder / "broken" / "session.json").write_text("{")
    page = open_page(replace(NOTHING, sessions=recent_sessions(folder)))
    lines = [page.sessions.item(row).text() for row in range(page.sessions.count())]
    assert ["S002" in lines[0], "S001" in lines[1]] == [True, True]
    assert "not complete" in lines[0]
    assert "not complete" not in lines[1]
    page.sessions.setFocus()
    page.sessions.setCurrentRow(1)
    press(page, Qt.Key.Key_Return)
    (settings,) = page.started_with
    assert settings.source.startswith("session:")
    assert settings.lockstep
    assert settings.record is None
    page.sessions.itemDoubleClicked.emit(page.sessions.item(0))
    assert len(page.started_with) == 2


def test_without_sessions_the_list_says_so_and_opens_nothing(open_page, tmp_path):
    page = open_page(replace(NOTHING, sessions=recent_sessions(tmp_path / "none")))
    assert page.sessions.item(0).text() == "None yet"
    page.replay(page.sessions.item(0))
    assert page.started_with == []


def test_a_session_without_a_date_is_shown_by_its_folder(tmp_path):
    (session,) = recent_sessions(record(tmp_path / "s", "S1").parent)
    assert session_line(replace(session, began=None)).startswith(session.folder.name)


# Previews -----------------------------------------------------------------------------------------------------------


def test_tiles_show_what_their_sources_give_and_let_go_when_left(open_page, data_dir, qtbot, tmp_path):
    """A real film stands for a camera, the X server's screen is the screen, and one source that fails says why."""
    film = data_dir / "us_video" / "butterfly-ocular-phantom.mp4"
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no film")
    cameras = Found((FoundDevice(f"file:{film}"), FoundDevice(f"file:{broken}")), ())
    page = open_page(Surroundings(cameras, MICROPHONES, (), ()), looks=2)
    good, bad = page.tiles[:2]
    qtbot.waitUntil(lambda: good.shows_picture and bool(bad.toolTip() != bad.spec), timeout=10_000)
    assert "broken.mp4" in bad.accessibleDescription()
    first = good._picture.copy()
    qtbot.waitUntil(lambda: good._picture != first, timeout=10_000)
    ARTEFACTS.mkdir(exist_ok=True)
    assert page.grab().save(str(ARTEFACTS / "start-page.png"))
    looks = [*page.previews._looks.values()]
    page.hide()
    page.previews.wait_closed()
    assert all(look.wait(0.0) for look in looks)
    page.show()
    assert len(page.previews._looks) == 2


def test_a_typed_file_is_looked_at(open_page, data_dir, qtbot):
    page = open_page(looks=0)
    previews.MOST = 9
    page.tiles[-1].setFocus()
    page.previews._looks.clear()
    page.other.setText(str(data_dir / "us_video" / "clarius-ocular-short.mp4"))
    page.previews.show_other(spec_of(page.other.text()), page.tiles[-1:])
    qtbot.waitUntil(lambda: page.tiles[-1].shows_picture, timeout=10_000)
    assert "25 fps" in page.tiles[-1].accessibleDescription()


# Everybody ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(800, 480), (960, 540), (1280, 800), (1920, 1080)])
def test_everything_fits_at_any_size(open_page, size):
    found = Surroundings(
        Found((FoundDevice("opencv:/dev/video0"), FoundDevice("opencv:/dev/video1")), ()), MICROPHONES, (), ()
    )
    page = open_page(found, size=size)
    page.say("A long message that says in plain words what is wrong with what was chosen, and what to do about it now.")
    QApplication.processEvents()
    assert (page.width(), page.height()) == size
    controls = [*page.tiles, page.other, page.other_button, page.refresh, page.sessions, *page.form.order, page.start]
    places = [
        (control, control.rect().translated(control.mapTo(page, control.rect().topLeft()))) for control in controls
    ]
    for number, (control, place) in enumerate(places):
        assert page.rect().contains(place), control.accessibleName()
        assert place.height() >= 0.9 * control.fontMetrics().height(), control.accessibleName()
        assert not any(place.intersects(other) for _, other in places[:number]), control.accessibleName()


def test_every_control_has_a_name_and_can_be_reached(open_page):
    page = open_page()
    controls = [
        widget for kind in (QAbstractButton, QComboBox, QLineEdit, QListWidget) for widget in page.findChildren(kind)
    ]
    assert len(controls) > 15
    for control in (control for control in controls if control.isVisible()):
        assert control.accessibleName().strip(), control
        assert "&" not in control.accessibleName()
        reached_by_arrows = isinstance(control, SourceTile) and not control.isChecked()
        assert reached_by_arrows or control.focusPolicy() & Qt.FocusPolicy.TabFocus, control.accessibleName()


def test_the_language_is_asked_for_by_its_box(open_page):
    page = open_page()
    asked = []
    page.language_chosen.connect(asked.append)
    page.form.language.setCurrentIndex(page.form.language.findData("de"))
    page.form.language.activated.emit(page.form.language.currentIndex())
    assert asked == ["de"]
