"""The overlay over another program's window, on a real X server: let through, on top, never filmed, never stale."""

import shutil
import subprocess
import time

import numpy as np
import pytest
from PyQt6.QtCore import QRect
from PyQt6.QtGui import QGuiApplication
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication, QLabel

from assistant.clock import MonotonicClock
from assistant.contracts import Abstention
from assistant.errors import ConfigError
from assistant.screen_region import ScreenRegion
from plugins.sources import screen
from tests.helper_process import TESTS, running
from tests.ui.conftest import discard
from tests.ui.overlay_ground import GROUND
from tests.ui.scripted_run import IMAGE, ScriptedRun, frame_of, guidance_for, live, snapshot_of
from ui.overlay.app import open_overlay, prepare_overlay
from ui.overlay.place import Place
from ui.overlay.words_layer import StateLines
from ui.overlay.x_screen import XScreen
from ui.plane_card import PlaneCard

AREA = ScreenRegion(520, 392, 400, 300)  # the images are 325x245, as wide to two pixels
DEADLINE_S = 20


def rect(region):
    return QRect(region.left, region.top, region.width, region.height)


@pytest.fixture(autouse=True)
def on_the_display(display, monkeypatch):
    """For the source, the compositor and what is asked of them; Qt is there already."""
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)


@pytest.fixture
def ground(display):
    """Another program's window, larger than the area; gives its process."""
    with running(TESTS / "ui" / "overlay_ground.py", 280, 180, 800, 640, env={"DISPLAY": display}) as process:
        yield process


@pytest.fixture
def laid(display, manual_clock):
    """Opens the overlay; the test itself calls ``pull``."""
    opened = []

    def lay(run, *, over=True, filmed=None, **settings):
        place = Place(AREA, over, filmed, excluded=False)
        forbidden = None if filmed is None else rect(filmed)
        control = open_overlay(run, place, rect(AREA), forbidden, title="Sonocue", clock=manual_clock, **settings)
        opened.append(control)
        control.show()
        control.pull()
        settle()
        return control

    yield lay
    for control in opened:
        control.put_away()
        discard(control)


def settle():
    """A loop that waits: only before it sleeps does Qt send on what it keeps for the X server."""
    QTest.qWait(20)


def filmed(region=AREA):
    """What the real screen source gives of a part of the screen."""
    settle()
    device = screen.create(str(region), paced=True)
    device.open(MonotonicClock())
    frame = device.read("video", 5.0)
    device.close()
    return frame.pixels


def is_ground(pixels):
    """``(H, W)`` bool: where the other program's colour stands unaltered."""
    return (pixels == np.array(GROUND, np.uint8)).all(axis=2)


def card_area(pixels, control):
    """The part that the words do not cover, as a mask."""
    outside = np.ones(pixels.shape[:2], bool)
    words = control._words.geometry().translated(-AREA.left, -AREA.top)
    outside[max(words.top(), 0) : words.bottom() + 1, max(words.left(), 0) : words.right() + 1] = False
    return outside


def xdotool(*words):
    if shutil.which("xdotool") is None:
        pytest.skip("xdotool is not installed (apt-get install xdotool)")
    subprocess.run(["xdotool", *map(str, words)], check=True, timeout=DEADLINE_S)


def focus_ground():
    if shutil.which("xdotool") is None:
        pytest.skip("xdotool is not installed (apt-get install xdotool)")
    search = ["xdotool", "search", "--name", "another program"]
    found = subprocess.run(search, check=True, capture_output=True, text=True, timeout=DEADLINE_S)
    xdotool("windowfocus", found.stdout.split()[-1])


# What lies over the other program -----------------------------------------------------------------------------------


def test_without_a_compositor_dots_let_the_image_through_unaltered(ground, laid):
    control = laid(ScriptedRun([live()]))
    pixels = filmed()
    free = card_area(pixels, control)
    let_through = is_ground(pixels) & free
    painted = ~is_ground(pixels) & free
    assert let_through.sum() > 0.6 * free.sum()
    assert painted.sum() > 200
    colours = pixels[painted].astype(int)
    assert (colours.max(axis=1) - colours.min(axis=1) > 60).mean() > 0.95, "colours of the heatmap, no black"
    inside = np.argwhere(painted)
    middle = inside.mean(axis=0) / pixels.shape[:2]
    assert abs(middle - [0.55, 0.5]).max() < 0.12, "where the gaze map of the image has its hills"
    assert not is_ground(pixels)[~free].any(), "the words stand on a ground of their own"


@pytest.fixture
def compositor(display):
    if shutil.which("xcompmgr") is None:
        pytest.skip("xcompmgr is not installed (apt-get install xcompmgr)")
    process = subprocess.Popen(["xcompmgr", "-n"], stderr=subprocess.DEVNULL)
    watch = XScreen()
    wait_for(watch.composites)
    yield process
    process.terminate()
    process.wait()
    wait_for(lambda: not watch.composites())
    watch.close()


def wait_for(condition):
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)  # another process is waited for
        settle()


def test_with_a_compositor_it_is_half_transparent_and_without_one_again_dots(ground, laid, compositor, manual_clock):
    control = laid(ScriptedRun([live()]))
    wait_for(lambda: not is_ground(filmed()).all())
    free = card_area(filmed(), control)
    wait_for(lambda: 0.02 < (~is_ground(filmed()) & free).sum() / free.sum() < 0.6)
    shown = filmed().astype(int)
    painted = ~is_ground(shown) & free
    assert len(np.unique(shown[painted], axis=0)) > 200, "it fades"
    compositor.terminate()
    wait_for(lambda: not control._x_screen.composites())
    manual_clock.advance(1)
    control.pull()
    wait_for(lambda: (is_ground(filmed()) & free).sum() > 0.6 * free.sum())
    pixels = filmed()
    assert (pixels.max(axis=2)[free] == 0).sum() == 0, "nothing is black"


def test_mouse_and_keys_reach_the_program_below(ground, laid):
    laid(ScriptedRun([live()]))
    focus_ground()
    for x, y in ((AREA.left + AREA.width // 2, AREA.top + 110), (AREA.left + AREA.width - 20, AREA.top + 20)):
        xdotool("mousemove", x, y, "click", 1, "key", "x")
        settle()
        assert ground.stdout.readline() == f"click {x - 280} {y - 180}\n"
        assert ground.stdout.readline() == "key x\n"


def test_it_comes_on_top_again(ground, laid, manual_clock):
    control = laid(ScriptedRun([live()]))
    assert not is_ground(filmed()).all()
    focus_ground()
    xdotool("key", "r")
    assert ground.stdout.readline() == "key r\n"
    wait_for(lambda: is_ground(filmed()).all())
    manual_clock.advance(1)
    control.pull()
    wait_for(lambda: not is_ground(filmed()).all())


# What is said -------------------------------------------------------------------------------------------------------


def said(control):
    return control._words.findChild(PlaneCard).accessibleName()


def test_plane_abstention_and_silence_each_at_once(ground, laid):
    """The manual clock stands still: no pace holds words back."""
    frame = frame_of(IMAGE)
    moments = [
        live("abdomen", number=1),
        snapshot_of(frame, guidance_for(frame, None, abstention=Abstention.COLOUR_DOPPLER, gaze=False), number=2),
        live("femur", number=3),
        snapshot_of(frame, number=4, faults=("no signal from screen",)),
    ]
    control = laid(ScriptedRun(moments))
    assert "Standard plane: Abdomen" in said(control)
    assert control._heat.isVisible()
    control.pull()
    assert "Model abstains: Colour Doppler" in said(control)
    assert not control._heat.isVisible()
    control.pull()
    assert "Femur" in said(control)
    control.pull()
    assert "No guidance" in said(control)
    assert not control._heat.isVisible()
    wait_for(lambda: is_ground(filmed())[card_area(filmed(), control)].all())
    state = control._words.findChild(StateLines)
    assert state.accessibleName() == "Research use only - not for diagnosis"
    assert "No signal" in state.accessibleDescription() or "no signal" in state.accessibleDescription()


def test_nothing_is_left_when_the_run_is_stopped_or_ends(ground, laid):
    for last in ("stopped", "ended"):
        run = ScriptedRun([live(), live(number=2, ended=last == "ended")], obeys_stop=False)
        control = laid(run)
        assert not is_ground(filmed()).all()
        if last == "stopped":
            control.stop()
        control.pull()
        wait_for(lambda: is_ground(filmed()).all())
        control.put_away()


def test_while_qt_hangs_nothing_stale_lies_over_the_program_that_goes_on(ground, laid):
    control = laid(ScriptedRun([live()]))
    control.start()
    wait_for(lambda: not is_ground(filmed()).all())
    device = screen.create(f"{AREA},fps=20", paced=True)
    device.open(MonotonicClock())
    time.sleep(1.2)  # Qt's thread hangs
    frames = [device.read("video", 1.0) for _ in range(20)]
    device.close()
    overlaid = [frame.captured_ns for frame in frames if not is_ground(frame.pixels).all()]
    assert overlaid and overlaid[-1] - frames[0].captured_ns < 800_000_000
    assert is_ground(frames[-1].pixels).all()
    wait_for(lambda: (~is_ground(filmed())).sum() > 5000)
    assert control._heat.isVisible() and control._words.isVisible()


def test_keys_of_the_control_change_hide_and_end_it(ground, laid, qtbot):
    control = laid(ScriptedRun([live()]))
    ended = []
    control.finished.connect(lambda: ended.append(True))
    xdotool("windowfocus", int(control.winId()))
    qtbot.waitUntil(control.isActiveWindow, timeout=5000)
    heat, words = control._heat, control._words

    def press(key, until):
        xdotool("key", "--clearmodifiers", key)
        qtbot.waitUntil(until, timeout=5000)

    many = (~is_ground(filmed())).sum()
    press("bracketleft", lambda: "80 %" in control.findChild(QLabel).text())
    assert (~is_ground(filmed())).sum() < many
    before = words.geometry()
    press("c", lambda: words.geometry() != before)
    assert rect(AREA).intersects(words.geometry())
    press("h", lambda: not heat.isVisible())
    assert control.buttons["heatmap"].accessibleName().startswith("Heatmap while frozen")
    press("h", lambda: "off" in control.buttons["heatmap"].accessibleName())
    press("h", heat.isVisible)
    press("o", lambda: not heat.isVisible() and not words.isVisible())
    wait_for(lambda: is_ground(filmed()).all())
    press("o", lambda: heat.isVisible() and words.isVisible())
    xdotool("key", "q")
    qtbot.waitUntil(lambda: control._run.stops == 1, timeout=5000)
    control.pull()
    assert ended == [True]
    wait_for(lambda: is_ground(filmed()).all())


def test_only_while_frozen_means_the_scanners_own_freeze(laid):
    control = laid(ScriptedRun([live(), live(number=2, frozen=True), live(number=3)]), heatmap="frozen")
    assert not control._heat.isVisible()
    control.pull()
    assert control._heat.isVisible()
    control.pull()
    assert not control._heat.isVisible()


# Never filmed -------------------------------------------------------------------------------------------------------


def test_what_is_filmed_holds_nothing_that_is_painted(ground, laid, manual_clock):
    """Beside the area, on a screen that shows words and keys; also after the keys were dragged into the area."""
    control = laid(ScriptedRun([live()]), over=False, filmed=AREA)
    assert control._words.isVisible() and control.isVisible()
    assert is_ground(filmed()).all()
    whole = ScreenRegion(1920, 1080, 0, 0)
    words = control._words.geometry()
    seen = filmed(whole)[words.top() : words.bottom() + 1, words.left() : words.right() + 1]
    assert len(np.unique(seen.reshape(-1, 3), axis=0)) > 20, "and yet the words are on the screen"
    assert not words.intersects(rect(AREA)) and not control.frameGeometry().intersects(rect(AREA))
    control.move(AREA.left, AREA.top)
    wait_for(lambda: not is_ground(filmed()).all())
    control.pull()
    wait_for(lambda: is_ground(filmed()).all())
    assert "would be filmed" in control.findChild(QLabel).text()


def test_over_the_area_it_would_be_filmed_which_is_why_that_is_refused(ground, laid):
    """X11 has no way to keep a window out: the source that is refused would hold the heatmap."""
    with pytest.raises(ConfigError, match="its own heatmap: expected '--overlay beside'"):
        prepare_overlay("filmed", source=f"screen:{AREA},fps=30")
    laid(ScriptedRun([live()]))
    assert not is_ground(filmed()).all()


def test_no_room_beside_what_is_filmed_is_one_line_before_the_run_begins():
    with pytest.raises(ConfigError, match=r"^overlay: expected room on the screen .* beside 1920x1080\+0\+0, got none"):
        prepare_overlay("beside", source="screen:1920x1080+0+0")
    with pytest.raises(ConfigError, match=r"^overlay: expected a rectangle on one screen \(1920x1080\+0\+0\), got"):
        prepare_overlay("800x600+1500+0", source="opencv:0")


def test_under_wayland_it_is_refused(monkeypatch):
    monkeypatch.setattr(QGuiApplication, "platformName", staticmethod(lambda: "wayland"))
    with pytest.raises(ConfigError, match=r"^overlay: under Wayland no program may place a window"):
        prepare_overlay(str(AREA), source="opencv:0")


# The end ------------------------------------------------------------------------------------------------------------


def test_seconds_stop_the_run_and_close_all_windows():
    run = ScriptedRun([live()])
    prepare_overlay(str(AREA), source="opencv:0")(run, title="Sonocue", seconds=0.2, heatmap="always", screenshot=None)
    assert run.stops >= 1
    assert run.snapshot().ended


def test_a_defect_stops_the_run_and_takes_the_windows_away():
    class Broken(ScriptedRun):
        def snapshot(self):
            if self.asked == 3:
                raise ZeroDivisionError("a defect")
            return super().snapshot()

    run = Broken([live()])
    with pytest.raises(ZeroDivisionError):
        prepare_overlay(str(AREA), source="opencv:0")(run, title="Sonocue")
    assert run.stops == 1
    assert [widget for widget in QApplication.topLevelWidgets() if widget.isVisible()] == []
