"""The window over scripted runs, on a real X server, with a clock that the test moves."""

import threading
from collections import Counter
from dataclasses import replace
from functools import partial

import cv2
import numpy as np
import pytest
from PyQt6.QtCore import QElapsedTimer, QEvent, QObject
from PyQt6.QtWidgets import QApplication, QWidget

from assistant.snapshot import Counters, SoundLevel
from tests.ui.conftest import ARTEFACTS
from tests.ui.scripted_run import (
    IMAGE,
    ScriptedRun,
    frame_of,
    guidance_for,
    live,
    live_snapshots,
    sector_image,
    snapshot_of,
    video_images,
)
from ui.banners import Banners
from ui.checklist import Checklist
from ui.gaze_legend import GazeLegend
from ui.header import Header
from ui.image_view import ImageView
from ui.keys import KeyButton
from ui.plane_card import PlaneCard
from ui.run_facts import RunFacts
from ui.sound_meter import SoundMeter
from ui.window import STOP_DEADLINE_NS

_QUIET_MS = 150
"""What the X server and Qt have to say about a shown window comes within this, on a busy machine too."""


class PaintCount(QObject):
    """Counts what the application paints, by the widget's type."""

    def __init__(self, window):
        super().__init__(window)
        self.painted = Counter()
        for widget in [window, *window.findChildren(QWidget)]:
            widget.installEventFilter(self)

    def eventFilter(self, watched, event):  # noqa: N802 - Qt's name
        if event.type() == QEvent.Type.Paint:
            self.painted[type(watched).__name__] += 1
        return False

    def settle(self):
        """Let everything be painted that wants to be; gives the counts since the last time."""
        quiet, before = QElapsedTimer(), 0
        quiet.start()
        while quiet.elapsed() < _QUIET_MS:
            QApplication.processEvents()
            if self.painted.total() != before:
                before = self.painted.total()
                quiet.restart()
        counts, self.painted = self.painted, Counter()
        return counts


def words_of(window, kind):
    widget = window.findChild(kind)
    return f"{widget.accessibleName()} {widget.accessibleDescription()}"


# What is shown ------------------------------------------------------------------------------------------------------


def test_how_well_narration_fits_the_image_is_shown_while_somebody_speaks(open_window, manual_clock):
    speaking = live("femur")
    run = ScriptedRun([replace(speaking, narration_agreement=0.784), replace(speaking, number=speaking.number + 1)])
    window = open_window(run, clock=manual_clock)
    window.pull()
    assert "Speech, fits the image: 78 %" in words_of(window, SoundMeter)
    manual_clock.advance(1.0)
    window.pull()
    assert "fits" not in words_of(window, SoundMeter)


def test_guidance_is_shown_in_words(open_window, manual_clock):
    window = open_window(ScriptedRun([live("four-chamber view")]), clock=manual_clock)
    window.pull()
    assert words_of(window, PlaneCard).startswith("Standard plane: Four-chamber view, confidence 93 percent")
    assert "Recording" in words_of(window, Header)
    assert "not for diagnosis" in words_of(window, Header)
    assert "3 of 13 seen" in words_of(window, Checklist)
    assert "-23 dBFS, Speech" in words_of(window, SoundMeter)
    assert "Lost 0" in words_of(window, RunFacts)
    assert "29 / 44 ms" in words_of(window, RunFacts)
    assert window.findChild(ImageView).heat_visible


def test_an_abstention_and_silence_take_the_plane_away_at_once(open_window, manual_clock):
    frame = frame_of(IMAGE)
    run = ScriptedRun([live(), live(None, number=2), snapshot_of(frame, None, number=3)])
    window = open_window(run, clock=manual_clock)
    window.pull()
    assert "Abdomen" in words_of(window, PlaneCard)
    window.pull()
    assert "Model abstains: Not sure" in words_of(window, PlaneCard)
    assert "too low" in words_of(window, PlaneCard)
    window.pull()
    assert "No guidance" in words_of(window, PlaneCard)
    assert not window.findChild(ImageView).heat_visible


def test_faults_stand_above_the_image_and_go_away_again(open_window, manual_clock):
    run = ScriptedRun([live(), live(number=2, faults=("The microphone is silent: check its cable.",)), live(number=3)])
    window = open_window(run, clock=manual_clock)
    window.pull()
    banner, image = window.findChild(Banners), window.findChild(ImageView)
    assert banner.height() == 0
    window.pull()
    QApplication.processEvents()
    assert "Fault: The microphone is silent" in banner.accessibleName()
    assert banner.height() > 20
    assert not banner.geometry().intersects(image.geometry())
    window.pull()
    assert banner.accessibleName() == "Remarks: none"
    assert banner.height() == 0


def test_a_long_fault_gets_more_lines(open_window, manual_clock):
    window = open_window(ScriptedRun([live(faults=("short",)), live(number=2, faults=("wordy " * 40,))]))
    window.pull()
    one_line = window.findChild(Banners).height()
    window.pull()
    assert window.findChild(Banners).height() > one_line + 10


def test_no_microphone_and_no_gaze_head_are_said(open_window, manual_clock):
    frame = frame_of(IMAGE)
    run = ScriptedRun([snapshot_of(frame, guidance_for(frame, gaze=False), sound=None, recording=False)])
    window = open_window(run, clock=manual_clock)
    window.pull()
    assert words_of(window, SoundMeter).startswith("Microphone: none")
    assert "not given by this model" in words_of(window, GazeLegend)
    assert "Not recording" in words_of(window, Header)


# What is painted, and when ------------------------------------------------------------------------------------------


def test_nothing_is_repainted_without_a_new_number(open_window, manual_clock):
    run = ScriptedRun([live(), replace(live(), elapsed_s=999.0, fps=1.0), live(number=2, fps=2.0)])
    window = open_window(run, clock=manual_clock)
    count = PaintCount(window)
    window.pull()
    count.settle()
    manual_clock.advance(1.0)
    window.pull()  # the same number, though the numbers in it differ
    assert count.settle() == {}
    window.pull()
    assert count.settle()["ImageView"] == 1
    manual_clock.advance(1.0)
    for _ in range(3):
        window.pull()
    assert run.asked == 6
    assert count.settle() == {}


def test_a_new_image_repaints_the_image_alone_until_the_numbers_are_due(open_window, manual_clock):
    run = ScriptedRun([replace(item, fps=float(item.number)) for item in live_snapshots([IMAGE] * 6)])
    window = open_window(run, clock=manual_clock)
    count = PaintCount(window)
    window.pull()
    count.settle()
    manual_clock.advance(0.03)
    window.pull()
    assert set(count.settle()) == {"ImageView"}
    window.pull()
    count.settle()
    manual_clock.advance(0.2)
    window.pull()
    assert {"ImageView", "RunFacts"} <= set(count.settle())


def test_the_last_number_is_never_held_back_for_good(open_window, manual_clock):
    run = ScriptedRun([live(), live(number=2, counters=Counters(captured=777))])
    window = open_window(run, clock=manual_clock)
    window.pull()
    window.pull()
    assert "Captured 777" not in words_of(window, RunFacts)
    manual_clock.advance(0.25)
    window.pull()
    assert "Captured 777" in words_of(window, RunFacts)


def test_after_a_long_pause_the_newest_is_shown_once(open_window, manual_clock):
    """A snapshot that takes long (here until another thread has made 60 more) leaves no queue of repaints behind."""

    class StalledRun(ScriptedRun):
        def snapshot(self):
            if self.asked == 1:
                newer = threading.Thread(target=lambda: [ScriptedRun.snapshot(self) for _ in range(60)])
                newer.start()
                newer.join()
            return super().snapshot()

    images = [np.full((20, 30), grey, np.uint8) for grey in range(100, 200)]
    run = StalledRun(live_snapshots(images))
    window = open_window(run, clock=manual_clock)
    count = PaintCount(window)
    window.pull()
    count.settle()
    window.pull()
    assert count.settle()["ImageView"] == 1
    view = window.findChild(ImageView)
    assert view.grab().toImage().pixelColor(view.image_rect().topLeft()).red() == 100 + run.asked - 1
    assert run.asked == 62


@pytest.mark.parametrize("size", [(960, 600), (1280, 800), (1920, 1080), (1000, 1080)])
def test_everything_fits_at_any_size(open_window, manual_clock, size):
    faults = ("The source does not answer: the cable may be loose. The last image is 4 s old.", "The disk is full.")
    window = open_window(ScriptedRun([live(faults=faults, notices=("note " * 30,))]), size=size, clock=manual_clock)
    window.pull()
    QApplication.processEvents()
    assert (window.width(), window.height()) == size
    parts = [
        window.findChild(kind) for kind in (Header, Banners, ImageView, PlaneCard, Checklist, SoundMeter, RunFacts)
    ]
    places = {type(part).__name__: part.rect().translated(part.mapTo(window, part.rect().topLeft())) for part in parts}
    for name, place in places.items():
        assert window.rect().contains(place), name
        assert not any(place.intersects(other) for also, other in places.items() if also != name), name
    assert places["ImageView"].width() > 0.6 * size[0]
    buttons = window.findChildren(KeyButton)
    assert all(window.rect().contains(button.geometry().translated(0, 0)) for button in buttons)


# The end ------------------------------------------------------------------------------------------------------------


def test_closing_stops_the_run_once_and_waits_for_it(open_window, manual_clock, qtbot):
    run = ScriptedRun([live()], obeys_stop=False)
    window = open_window(run, clock=manual_clock)
    window.pull()
    assert not window.close()
    assert not window.close()
    assert run.stops == 1
    window.pull()
    assert window.isVisible()
    assert "Stopping" in words_of(window, Banners)
    run._obeys_stop = True
    with qtbot.waitSignal(window.finished):
        window.pull()
    assert not window.isVisible()
    assert not window.overdue


def test_a_run_that_does_not_end_is_given_up_after_the_deadline(open_window, manual_clock, qtbot):
    window = open_window(ScriptedRun([live()], obeys_stop=False), clock=manual_clock)
    window.pull()
    window.close()
    manual_clock.advance(STOP_DEADLINE_NS / 1e9 - 0.1)
    window.pull()
    assert window.isVisible()
    manual_clock.advance(0.2)
    with qtbot.waitSignal(window.finished):
        window.pull()
    assert window.overdue


def test_the_time_counts_from_the_first_image(open_window, manual_clock):
    run = ScriptedRun([snapshot_of(None), live(number=2)])
    window = open_window(run, seconds=10.0, closes_itself=True, clock=manual_clock)
    window.pull()
    manual_clock.advance(5)
    window.pull()
    manual_clock.advance(9.9)
    window.pull()
    assert run.stops == 0
    manual_clock.advance(0.2)
    window.pull()
    assert run.stops == 1
    window.pull()
    assert not window.isVisible()


def test_the_time_is_over_also_when_no_image_comes(open_window, manual_clock):
    run = ScriptedRun([snapshot_of(None)])
    window = open_window(run, seconds=1.0, closes_itself=True, clock=manual_clock)
    for _ in range(11):
        window.pull()
        manual_clock.advance(1.01)
    assert run.stops == 0
    window.pull()
    assert run.stops == 1


@pytest.mark.parametrize("closes_itself", [True, False])
def test_a_run_that_ends_by_itself(open_window, manual_clock, closes_itself):
    run = ScriptedRun([live(), live(number=2, ended=True, faults=("The cable was pulled.",))])
    window = open_window(run, closes_itself=closes_itself, clock=manual_clock)
    window.pull()
    window.pull()
    assert window.isVisible() != closes_itself
    if not closes_itself:
        assert "Ended" in words_of(window, Banners)
        assert "The cable was pulled." in words_of(window, Banners)
        assert window.close()
    assert run.stops == 0


# Pictures for people to look at -------------------------------------------------------------------------------------

REAL_OVER_PHANTOM = "The model was trained on the software scanner; this image is from a real one."


def scenes(data_dir):
    screens = {
        name: cv2.cvtColor(cv2.imread(str(data_dir / "sononet" / "example_images" / f"{name}.png")), cv2.COLOR_BGR2RGB)
        for name in ("4CH", "BRAIN-TV")
    }
    portrait = video_images(data_dir / "us_video" / "butterfly-ocular-phantom.mp4", 1)[0]
    return {
        "guidance": ((1280, 800), screens["4CH"], "four-chamber view", {}),
        "guidance-1080p": ((1920, 1080), screens["BRAIN-TV"], "transventricular brain", {}),
        "abstention-portrait": ((1280, 800), portrait, None, {"sound": None, "recording": False}),
        "faults": (
            (1280, 800), screens["4CH"], "background",
            {"faults": ("The microphone is silent: check its cable.", "12 frames could not be recorded."),
             "notices": (REAL_OVER_PHANTOM,), "counters": Counters(1234, 1222, 1000, 200, 12),
             "sound": SoundLevel(-1.0, speech=False, clipped=True)},
        ),
        "ended-small": ((960, 600), sector_image(), "three-vessel view", {"ended": True}),
        "tiny-image": ((1280, 800), sector_image(30, 40), "femur", {"notices": (REAL_OVER_PHANTOM,)}),
    }  # fmt: skip


def same_on_screen(window):
    on_screen = window.screen().grabWindow(window.winId())
    return on_screen.toImage() == window.grab().toImage()


def test_the_x_server_shows_what_the_window_paints(qtbot, open_window, manual_clock, data_dir, display):
    """The screen itself is read, not the widgets; kept in ``tests/artefacts``."""
    ARTEFACTS.mkdir(exist_ok=True)
    for name, (size, pixels, plane, changes) in scenes(data_dir).items():
        frame = frame_of(pixels)
        snapshot = snapshot_of(frame, guidance_for(frame, plane, confidence=0.41 if plane is None else 0.93), **changes)
        window = open_window(ScriptedRun([snapshot]), size=size, clock=manual_clock)
        window.pull()
        window.repaint()
        qtbot.waitUntil(partial(same_on_screen, window))
        on_screen = window.screen().grabWindow(window.winId())
        assert (on_screen.width(), on_screen.height()) == size
        assert on_screen.save(str(ARTEFACTS / f"window-{name}.png"))
        window.hide()
