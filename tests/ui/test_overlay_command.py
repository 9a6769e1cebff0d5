"""``sonocue live --overlay`` as a user starts it: real processes on a real X server, real keys, real sessions."""

import json
import shutil
import signal
import subprocess

import numpy as np
import pytest

from assistant.screen_region import ScreenRegion
from assistant.session.reader import SessionReader
from assistant.session.verify import verify_session
from tests.helper_process import TESTS, running
from tests.sonocue_command import finish, run_sonocue, start_sonocue, wait_for_frames
from tests.ui.overlay_ground import GROUND

FILMED = ScreenRegion(600, 450, 200, 100)


@pytest.fixture
def environment(display):
    return {"QT_QPA_PLATFORM": "xcb", "DISPLAY": display, "WAYLAND_DISPLAY": "", "LC_ALL": "C.UTF-8"}


def type_into(title, *keys, display):
    if shutil.which("xdotool") is None:
        pytest.skip("xdotool is not installed (apt-get install xdotool)")
    search = ["xdotool", "search", "--sync", "--onlyvisible", "--name", title, "windowfocus", "--sync"]
    for words in (search, ["xdotool", "key", "--delay", "60", *keys]):
        subprocess.run(words, check=True, timeout=60, env={"DISPLAY": display, "PATH": "/usr/bin:/bin"})


def test_no_frame_of_a_run_holds_anything_that_was_painted(tiny_bundle, tmp_path, display, environment):
    """From the first frame to the last: words and keys stand beside, and the session holds the other program alone."""
    with running(TESTS / "ui" / "overlay_ground.py", 150, 60, 700, 540, env={"DISPLAY": display}):
        process = start_sonocue(
            "live", "--source", f"screen:{FILMED},fps=20", "--overlay", "beside", "--model", tiny_bundle.path,
            "--mask", "off", "--lossless", "--json", folder=tmp_path, env=environment,
        )  # fmt: skip
        try:
            wait_for_frames(tmp_path / "recordings", 20)
            type_into("^Sonocue$", "o", "o", "q", display=display)
        finally:
            status, out, err = finish(process)
    assert status == 0, err
    summary = json.loads(out)
    assert summary["guided"] > 0
    (session,) = (tmp_path / "recordings").iterdir()
    assert verify_session(session) == []
    count = 0
    for frame in SessionReader(session).frames():
        assert frame.pixels.shape == (450, 600, 3)
        different = (frame.pixels != np.array(GROUND, np.uint8)).any(axis=2).sum()
        assert different == 0, f"frame {frame.index}"
        count += 1
    assert count == summary["recorded"] > 20


def test_over_another_program_it_ends_by_a_signal_and_leaves_a_whole_session(
    data_dir, tiny_bundle, tmp_path, environment
):
    film = data_dir / "us_video" / "butterfly-ocular-phantom.mp4"
    process = start_sonocue(
        "live", "--source", f"file:{film}", "--overlay", "600x450+200+100", "--model", tiny_bundle.path, "--json",
        folder=tmp_path, env=environment,
    )  # fmt: skip
    try:
        wait_for_frames(tmp_path / "recordings", 10)
    finally:
        process.send_signal(signal.SIGTERM)
        status, out, err = finish(process)
    assert status == 0, err
    assert json.loads(out)["captured"] == json.loads(out)["recorded"]
    (session,) = (tmp_path / "recordings").iterdir()
    assert verify_session(session) == []


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--source", f"screen:{FILMED}", "--overlay", "filmed"], "expected '--overlay beside'"),
        (["--overlay", "600x450+0+0", "--screenshot", "a.png"], "leave out --headless and --screenshot"),
    ],
)
def test_what_cannot_be_had_is_one_line_before_anything_is_recorded(options, problem, tmp_path, environment):
    status, out, err = run_sonocue("live", *options, folder=tmp_path, env=environment)
    assert (status, out) == (2, ""), err
    assert problem in err
    assert len(err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
