"""``sonocue devices``: what it lists, and what it measures of files whose truth is known and of a real source."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from assistant.errors import SonocueError
from assistant.source_check import check_source
from tests.drawn_sequences import shades, write_tracked
from tests.sonocue_command import run_sonocue


def film(path: Path, pictures: list[np.ndarray], fps: int) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=fps)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "bgr0"
        for number, pixels in enumerate(pictures):
            picture = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="bgr0")
            picture.pts, picture.time_base = number, Fraction(1, fps)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def test_what_a_source_gives_is_measured(tmp_path):
    pictures = [np.full((48, 64, 3), 16 + 10 * (number // 3 * 3), np.uint8) for number in range(20)]  # each three times
    pictures[-1][..., 0] = 235
    path = film(tmp_path / "film.mkv", pictures, 50)
    check = check_source(f"file:{path}", 60.0, picture=tmp_path / "folder" / "seen.png")
    assert (check.width_px, check.height_px, check.colour) == (64, 48, True)
    assert (check.nominal_fps, check.measured_fps) == (50.0, pytest.approx(50.0, abs=0.1))
    assert (check.frames, check.repeated, check.lost) == (20, 12, 0)
    assert (check.lowest, check.highest) == (16, 235)
    assert check.notes["codec"] == "ffv1"
    seen = cv2.cvtColor(cv2.imread(str(tmp_path / "folder" / "seen.png")), cv2.COLOR_BGR2RGB)
    assert seen.shape == pictures[-1].shape and not seen.any(), "on it is no ultrasound image: the rest is masked"
    assert "64x48 colour, 50.00 of 50 fps, 12 of 20 repeated, 0 lost, values 16 to 235" in check.as_text()


def test_lost_frames_are_counted_and_do_not_lower_the_rate(tmp_path):
    path = write_tracked(tmp_path / "a.mha", shades(25, 30, 50), invalid=[4, 5, 9])
    check = check_source(f"tracked:{path}", 60.0)
    assert (check.frames, check.lost, check.colour) == (22, 3, False)
    assert check.measured_fps == pytest.approx(25, abs=0.1)


def test_it_looks_no_longer_than_it_is_told(tmp_path):
    path = film(tmp_path / "film.mkv", [np.zeros((48, 64, 3), np.uint8)] * 100, 25)
    assert check_source(f"file:{path}", 0.4).frames == 11


def test_what_hears_is_not_opened_without_consent(tmp_path):
    with pytest.raises(SonocueError, match="hears everybody in the room"):
        check_source("sounddevice:", 0.1)


def test_the_command_lists_and_looks(tmp_path):
    """One of the two sources that are named is not there: the other is looked at all the same."""
    path = film(tmp_path / "film.mkv", [np.full((48, 64, 3), 9 * number, np.uint8) for number in range(20)], 25)
    status, out, err = run_sonocue(
        "devices", "--json", "--seconds", "0.5", "--source", "file:nowhere.mp4", "--source", f"file:{path}",
        "--pictures", tmp_path / "seen", folder=tmp_path,
    )  # fmt: skip
    assert status == 2
    assert len(err.splitlines()) == 1
    rows = [json.loads(line) for line in out.splitlines()]
    named = {(row["kind"], row["name"]): row for row in rows}
    for name in ("dicom", "file", "opencv", "openigtlink", "phantom", "screen", "session", "stream", "tracked"):
        assert named["source", name]["note"] == "ready"
    for kind in ("camera", "microphone", "backend"):
        assert any(row["kind"] == kind for row in rows)
    assert "nowhere.mp4' does not exist" in named["source", "file:nowhere.mp4"]["note"]
    assert named["source", f"file:{path}"]["check"]["measured_fps"] == pytest.approx(25, abs=0.5)
    (picture,) = (tmp_path / "seen").glob("file_*.png")
    assert cv2.imread(str(picture)).shape == (48, 64, 3)
