"""``sonocue`` without a command, as a new user meets it: a real process on a real X server, with real keys."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from assistant.session.verify import verify_session
from tests.sonocue_command import finish, run_sonocue, start_sonocue, wait_for_frames
from ui.remembered import FILE_NAME

DEADLINE_S = 60


@pytest.fixture
def keyboard(display):
    """Waits for a window by its title, gives it the keyboard, and presses keys there."""
    if shutil.which("xdotool") is None:
        pytest.skip("xdotool is not installed (apt-get install xdotool)")
    environment = os.environ | {"DISPLAY": display}

    def xdotool(*words):
        done = subprocess.run(
            ["xdotool", *words], check=True, capture_output=True, text=True, timeout=DEADLINE_S, env=environment
        )
        return done.stdout.split()

    def press(title, *keys):
        window = xdotool("search", "--sync", "--onlyvisible", "--name", title)[-1]
        xdotool("windowfocus", "--sync", window)
        xdotool("key", "--delay", "60", *keys)

    return press


def wait_for(condition):
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)  # another process is waited for


def test_from_the_start_page_to_a_recorded_session_and_back(keyboard, display, data_dir, tiny_bundle, tmp_path):
    film = data_dir / "us_video" / "butterfly-ocular-phantom.mp4"
    config = tmp_path / "config" / "sonocue"
    config.mkdir(parents=True)
    (config / FILE_NAME).write_text(f'model = "{tiny_bundle.path}"\nlanguage = "en"\n')
    process = start_sonocue(
        folder=tmp_path,
        env={"QT_QPA_PLATFORM": "xcb", "DISPLAY": display, "XDG_CONFIG_HOME": str(tmp_path / "config")},
    )
    try:
        keyboard("^Sonocue: start$", "alt+a")
        subprocess.run(
            ["xdotool", "type", "--delay", "20", str(film)],
            check=True,
            env=os.environ | {"DISPLAY": display},
            timeout=30,
        )
        keyboard("^Sonocue: start$", "Return")
        keyboard("^Sonocue$", "h")
        wait_for_frames(tmp_path / "recordings", 10)
        keyboard("^Sonocue$", "q")
        wait_for(lambda: list((tmp_path / "recordings").glob("*[!l]/session.json")))
        keyboard("^Sonocue: start$", "Escape")
    finally:
        status, out, err = finish(process)
    assert (status, out) == (0, ""), err
    (session,) = (tmp_path / "recordings").iterdir()
    assert verify_session(session) == []
    kept = (config / FILE_NAME).read_text()
    assert str(tiny_bundle.path) in kept
    assert film.name not in kept, "a file's name may be a patient's"


def test_without_a_screen_there_is_the_help(tmp_path: Path):
    status, out, err = run_sonocue(folder=tmp_path, env={"DISPLAY": "", "WAYLAND_DISPLAY": "", "QT_QPA_PLATFORM": ""})
    assert "Usage: sonocue" in out + err
    assert "live" in out + err
    assert status in (0, 2)


def test_a_screen_that_does_not_answer_is_one_line(tmp_path: Path):
    status, out, err = run_sonocue(
        folder=tmp_path, env={"DISPLAY": ":4711", "WAYLAND_DISPLAY": "", "QT_QPA_PLATFORM": "xcb"}
    )
    assert (status, out) == (2, "")
    assert err.startswith("sonocue: window: no X server answers at DISPLAY=:4711")
    assert len(err.splitlines()) == 1
