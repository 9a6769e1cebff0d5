"""Exports hold what was shown; another model's answers are told apart from the recorded ones."""

import csv
import threading
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from assistant.class_list import load_class_list
from assistant.errors import SessionError
from assistant.replay.annotations import Annotations
from assistant.replay.export import Cancelled, Wanted, export
from assistant.replay.moments import Stretch, columns, differences, held, plane_stretches, stretches
from assistant.replay.other_model import OtherModel
from assistant.replay.recording import Recording
from assistant.replay.sitting import Sitting
from tests.replay.conftest import STEP_NS, number_in, plane_of, record
from tests.sonocue_command import run_sonocue
from ui.colormap import heat_picture

CLASSES = load_class_list()


@pytest.fixture
def recording(scan):
    opened = Recording(scan, listens=False)
    assert opened.wait(30)
    yield opened
    opened.close()


def exported(recording, folder, wanted, progress=lambda share: True):
    notes = Annotations(recording.reader, CLASSES, folder / "labels.csv")
    return export(recording, notes, folder, wanted, heat_picture, "background", progress)


def test_the_table_says_of_each_frame_what_was_shown(recording, tmp_path):
    (file,) = exported(recording, tmp_path, Wanted(False, False, True, 20, 130))
    with file.open() as stream:
        rows = list(csv.DictReader(stream))
    assert [int(row["frame_index"]) for row in rows] == list(range(20, 130))
    for row in rows:
        index = int(row["frame_index"])
        about = index - 1 if index % 3 == 1 else index
        assert int(row["guided_frame_index"]) == about
        assert row["plane"] == (plane_of(about) or "")
        assert row["abstention"] == ("" if plane_of(about) else "low confidence")
        assert float(row["time_s"]) == pytest.approx(index * STEP_NS / 1e9, abs=1e-6)
        assert float(row["gaze_x_px"]) == index % 208


def test_the_video_has_every_frame_at_its_time_with_the_bar_below_and_sound(recording, tmp_path):
    (file,) = exported(recording, tmp_path, Wanted(True, False, False, 30, 75))
    with av.open(str(file)) as container:
        pictures = [(picture.time, picture.to_ndarray(format="rgb24")) for picture in container.decode(video=0)]
    assert len(pictures) == 45
    for number, (time_s, picture) in enumerate(pictures):
        assert time_s == pytest.approx(number * STEP_NS / 1e9, abs=0.002)
        bits = sum(int(picture[4:12, b * 16 + 4 : b * 16 + 12, 1].mean() > 127) << b for b in range(12))
        assert bits == number + 30 or plane_of(number + 30) is not None  # the gaze map may lie over the digits
        assert picture.shape[0] > 96
        assert picture[100:].max() > 120, "something is written in the bar"
    with av.open(str(file)) as container:
        sound = np.concatenate([block.to_ndarray()[0] for block in container.decode(audio=0)])
    assert len(sound) / 48_000 == pytest.approx(44 * STEP_NS / 1e9, abs=0.06)
    assert np.abs(sound).max() > 0.2


def test_stills_are_the_surest_frame_of_each_plane(recording, tmp_path):
    files = exported(recording, tmp_path, Wanted(False, True, False, 0, 120))
    bare = [file for file in files if "annotated" not in file.name]
    assert sorted(file.name for file in bare) == ["scan-frame000059-abdomen.png", "scan-frame000089-femur.png"]
    assert number_in(cv2.imread(str(bare[0]), cv2.IMREAD_GRAYSCALE)) in (59, 89)


def test_a_stopped_export_leaves_nothing_half_written(recording, tmp_path):
    with pytest.raises(Cancelled):
        exported(recording, tmp_path, Wanted(True, False, False, 0, 100), progress=lambda share: share < 0.3)
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_cannot_be_written_is_one_line(recording, tmp_path):
    (tmp_path / "out").write_text("a file where the folder should be")
    with pytest.raises(SessionError, match="out"):
        exported(recording, tmp_path / "out", Wanted(True, True, True, 0, 10))


def test_the_command_exports_and_refuses_in_one_line(tmp_path):
    session = record(tmp_path, 60)
    status, out, err = run_sonocue(
        "session", "export", session, tmp_path / "out", "--table", "--to", 1, folder=tmp_path
    )
    assert (status, err) == (0, "")
    assert len(Path(out.strip()).read_text().splitlines()) == 31
    for arguments, says in (((session, "--from", 70), "range"), ((tmp_path / "none",), "none")):
        status, out, err = run_sonocue(
            "session", "export", arguments[0], tmp_path / "o", *arguments[1:], folder=tmp_path
        )
        assert (status, out) == (2, "")
        assert len(err.splitlines()) == 1
        assert says in err


# Another model ------------------------------------------------------------------------------------------------------


def test_another_model_is_kept_beside_the_session_and_differences_are_found(tmp_path, tiny_bundle, manual_clock):
    session = record(tmp_path, 90)
    before = {file.name: file.read_bytes() for file in session.iterdir()}
    sitting = Sitting(session, CLASSES, manual_clock, with_sound=False)
    assert sitting.recording.wait(30)
    sitting.run_model(str(tiny_bundle.path), ("onnxruntime",))
    assert sitting.other.wait(60)
    assert sitting.other.problem == ""
    found = sitting.differences()
    assert found
    assert all(difference.ours != difference.theirs for difference in found)
    assert {file.name: file.read_bytes() for file in session.iterdir()} == before
    (kept,) = (tmp_path / "replays" / "scan").iterdir()
    assert len(kept.read_text().splitlines()) == 91
    made_ns = kept.stat().st_mtime_ns
    sitting.run_model(str(tiny_bundle.path), ("onnxruntime",))
    assert sitting.other.wait(60)
    assert sitting.other.index is not None
    assert kept.stat().st_mtime_ns == made_ns, "not run again"
    sitting.close()


def test_a_stopped_or_missing_model_leaves_nothing(tmp_path, tiny_bundle):
    recording = Recording(record(tmp_path, 90), listens=False)
    other = OtherModel(recording, str(tiny_bundle.path), ("onnxruntime",))
    other.close()
    assert other.index is None
    none = OtherModel(recording, str(tmp_path / "no_model"))
    assert none.wait(30)
    assert "no_model" in none.problem
    none.close()
    recording.close()
    left = (
        [file for file in (tmp_path / "replays").rglob("*") if file.is_file()]
        if (tmp_path / "replays").exists()
        else []
    )
    assert left == []
    assert "replay model" not in {thread.name for thread in threading.enumerate()}


# Arithmetic ---------------------------------------------------------------------------------------------------------

TIMES = np.arange(100, dtype=np.int64) * 33_000_000


def test_stretches_and_differences():
    values = np.array([0, 0, 1, 1, 1, -1], np.int16)
    assert stretches(values) == [Stretch(0, 2, 0), Stretch(2, 5, 1), Stretch(5, 6, -1)]
    decided = np.full(100, 0, np.int16)
    decided[20:40] = decided[43:60] = 1  # a short gap is bridged
    decided[70:72] = 2  # too short
    assert plane_stretches(decided, TIMES, background=0) == [Stretch(20, 60, 1)]
    ours, theirs = ["a"] * 100, ["a"] * 100
    theirs[10:30] = ["b"] * 20
    theirs[50:52] = ["b"] * 2
    ours[60:90] = [""] * 30
    theirs[60:90] = ["c"] * 30
    assert differences(ours, theirs, TIMES) == [Stretch(10, 30, 0)]


def test_guidance_is_held_over_skipped_frames_but_not_for_long():
    decided = np.full(100, -2, np.int16)
    decided[10] = 3
    assert np.flatnonzero(held(decided, TIMES) == 3).tolist() == [10, 11, 12, 13, 14]


def test_a_short_plane_is_not_lost_in_a_column():
    values = np.full(100, 0, np.int16)
    values[57] = 4
    painted = columns(values, TIMES, 0, int(TIMES[-1]), 5, idle=0)
    assert painted.tolist() == [0, 0, 4, 0, 0]
