"""The way from the start page to a run and back, in this process: what fails is said on the page, which stays."""

from pathlib import Path

import pytest
from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QApplication

from assistant.session.verify import verify_session
from ui import previews
from ui.remembered import Remembered, recall, remember
from ui.start_app import run_start
from ui.start_page import StartPage
from ui.translation import choose_language
from ui.window import Window


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(previews, "MOST", 0)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    yield
    choose_language(QApplication.instance(), "en")


def shown(kind):
    return next((item for item in QApplication.topLevelWidgets() if isinstance(item, kind) and item.isVisible()), None)


def follow(*steps):
    """Runs the program while a timer takes one step after the other, each when its condition holds.

    A step is a function that gives False while it waits.
    """
    rest = list(steps)
    failed = []

    def take():
        try:
            if rest and rest[0]() is not False:
                rest.pop(0)
        except BaseException as error:  # noqa: BLE001 - raised again below; here it would end the loop of Qt
            failed.append(error)
            rest.clear()
        if not rest and (page := shown(StartPage)) is not None:
            page.close()

    timer = QTimer()
    timer.timeout.connect(take)
    timer.start(50)
    run_start()
    timer.stop()
    if failed:
        raise failed[0]
    assert not rest, "it ended before all was done"


def start_with(source, model, *, record=True):
    def step():
        page = shown(StartPage)
        if page is None or page._finding is not None or page._busy:
            return False
        page.tiles[-1].click()
        page.other.setText(str(source))
        page.form._add_model(str(model))
        page.form.model.setCurrentIndex(page.form.model.findData(str(model)))
        page.form.record.setChecked(record)
        page.form.subject.setText("S-01")
        page.form.consent.setChecked(True)
        page.start.click()
        return True

    return step


def page_says(words):
    def step():
        page = shown(StartPage)
        return page is not None and not page._busy and words in page.message.text() and page.message.isVisible()

    return step


def nothing_is_taken_over_for_the_next_subject():
    form = shown(StartPage).form
    assert form.subject.text() == "" and not form.consent.isChecked()
    return True


def test_what_cannot_be_opened_is_said_and_the_next_start_works(data_dir, tiny_bundle, tmp_path):
    film = data_dir / "us_video" / "clarius-ocular-short.mp4"
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no film")
    empty = tmp_path / "empty-model"
    empty.mkdir()
    keys = []

    def close_the_run():
        window = shown(Window)
        if window is None or window.shown_frame is None or window.shown_frame.index < 5:
            return False
        keys.append(window.shown_frame.index)
        window.press("stop")
        return True

    follow(
        start_with(broken, tiny_bundle.path),
        page_says("broken.mp4"),
        start_with(film, empty),
        page_says("empty-model"),
        start_with(film, tiny_bundle.path),
        close_the_run,
        page_says("Recorded: recordings"),
        nothing_is_taken_over_for_the_next_subject,
    )
    assert keys
    (session,) = Path("recordings").iterdir()
    assert verify_session(session) == []
    assert recall().model == str(tiny_bundle.path)


def test_another_language_is_spoken_at_once_and_remembered():
    remember(Remembered(language="en", heatmap="off"))
    spoken = []

    def ask_for_german():
        page = shown(StartPage)
        if page is None or page._finding is not None:
            return False
        spoken.append(page.start.text())
        box = page.form.language
        box.setCurrentIndex(box.findData("de"))
        box.activated.emit(box.currentIndex())
        return True

    def it_is_german():
        page = shown(StartPage)
        if page is None or page.start.text() == spoken[0]:
            return False
        spoken.append(page.start.text())
        return True

    follow(ask_for_german, it_is_german)
    assert spoken == ["&Start", "&Starten"]
    assert (recall().language, recall().heatmap) == ("de", "off")
