"""What a prepared collection could not use, and what it refuses: rejects and splits."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from assistant.class_list import load_class_list
from assistant.errors import TrainingError
from tests.trainer.collecting import SETTINGS, prepared
from tests.trainer.media import write_video
from trainer.cli import app
from trainer.collection import open_collection
from trainer.data import assemble, load_dataset
from trainer.splits import Split

SONOCUE = Path(sys.executable).with_name("sonocue")
DEADLINE_S = 100
ARRAYS = ("frames", "times_s", "labels", "gaze_s", "gaze_xy", "speech_s", "speech", "utterances")


# ------------------------------------------------------------------------------------------------ rejects


def test_what_is_corrupt_or_half_is_listed_and_nothing_takes_its_place(bar_sessions, tmp_path):
    folder = tmp_path / "mixed"
    for number in range(2):
        shutil.copytree(bar_sessions / f"bars-{number}", folder / f"bars-{number}")
    media = next((folder / "bars-1").glob("*.mkv"))
    content = bytearray(media.read_bytes())
    content[len(content) // 2] ^= 255
    media.write_bytes(content)
    shutil.copytree(bar_sessions / "bars-3", folder / "bars-3.partial")
    shutil.copytree(bar_sessions / "bars-4", folder / "bars-4")
    (folder / "bars-4" / "session.json").unlink()
    frames = list(np.random.default_rng(0).integers(0, 255, (200, 96, 128), np.uint8))
    half = write_video(folder / "half.mkv", frames).read_bytes()
    (folder / "half.mkv").write_bytes(half[: len(half) // 2])
    cut = write_video(folder / "cut.mp4", frames, codec="libx264").read_bytes()
    (folder / "cut.mp4").write_bytes(cut[: len(cut) // 2])
    noise = bytearray(write_video(folder / "noise.mkv", frames, codec="libx264").read_bytes())
    noise[len(noise) // 2 : len(noise) // 2 + 4000] = bytes(4000)
    (folder / "noise.mkv").write_bytes(noise)
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "text.mp4").write_text("this is no video\n" * 100)
    (folder / "text.dcm").write_text("this is no DICOM\n" * 100)
    write_video(folder / "one.mkv", frames[:1])
    write_video(folder / "good.mkv", frames)

    settings = tmp_path / "drawn.toml"
    settings.write_text("[data]\npaint_out = false\n")
    options = ["--config", str(settings), "--processes", "1"]
    done = CliRunner().invoke(app, ["prepare", str(folder), str(tmp_path / "out"), *options])
    assert done.exit_code == 0, done.stderr
    assert "2 recordings of 2 subjects" in done.stdout
    assert "10 rejected (reasons in " in done.stdout
    rejects = {row["file"]: row["reason"] for row in json.loads((tmp_path / "out" / "rejects.json").read_text())}
    expected = {
        "bars-1": "altered since it was recorded",
        "bars-3.partial": "was not closed",
        "bars-4": "expected a session.json",
        "half.mkv": "ends early|damaged",
        "cut.mp4": "cannot be read as a video",
        "noise.mkv": "is damaged",
        "empty.mp4": "cannot be read as a video",
        "text.mp4": "cannot be read as a video",
        "text.dcm": "cannot be read as DICOM",
        "one.mkv": "expected moving images, got 1",
    }
    assert sorted(rejects) == sorted(expected)
    for name, reason in expected.items():
        assert any(part in rejects[name] for part in reason.split("|")), rejects[name]
        assert "\n" not in rejects[name]
    kept = open_collection(str(tmp_path / "out"))
    assert [entry.facts.id for entry in kept.index.recordings] == ["bars-0", "good.mkv"]


def test_nothing_that_can_be_used_is_one_line(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "text.mp4").write_text("no video")
    with pytest.raises(TrainingError, match=r"none of the 1 sessions in .* can be used: .*text.mp4' cannot be read"):
        prepared(tmp_path / "in", tmp_path / "out", processes=1)
    assert json.loads((tmp_path / "out" / "rejects.json").read_text())[0]["file"] == "text.mp4"


@pytest.mark.parametrize(
    ("url", "problem"),
    [("nosuchscheme://bucket/x", "expected a path, or a URL"), ("memory://nothing", "is no prepared collection")],
)
def test_a_url_that_leads_nowhere_is_one_line(url, problem, tmp_path):
    with pytest.raises(TrainingError, match=problem):
        load_dataset(url, SETTINGS, tmp_path, print)


def test_a_full_or_forbidden_disk_is_no_reject(six_videos):
    """A session is not to blame for it: the command ends with one line instead."""
    with pytest.raises(TrainingError, match="cannot be written"):
        prepared(six_videos, "/proc/nowhere", processes=1)


# ------------------------------------------------------------------------------------------------ splits


def test_a_collection_keeps_its_splits(on_disk):
    rows = (on_disk.place.local / "splits.csv").read_text().splitlines()
    assert rows[0] == "session,subject,split"
    assert len(rows) == 4
    dataset = load_dataset(str(on_disk.place.local), SETTINGS.model_copy(update={"seed": 99}), Path(), print)
    of_row = {row.split(",")[1]: row.split(",")[2] for row in rows[1:]}
    for part in ("train", "validation", "test"):
        assert set(getattr(dataset.split, part)) == {s for s, given in of_row.items() if given == part}


def test_splits_that_name_another_subject_than_the_recording_are_refused(six_videos, tmp_path):
    """Two videos are of one subject; a table that gives one of them a new name would put it into two splits."""
    folder = tmp_path / "videos"
    shutil.copytree(six_videos, folder)
    subjects = ["S0", "S1", "S2", "S3", "S4", "S4"]
    (folder / "subjects.csv").write_text("file,subject\n" + "".join(f"v{i}.mkv,{s}\n" for i, s in enumerate(subjects)))
    parts = ["train", "train", "train", "validation", "test", "train"]
    told = ["S0", "S1", "S2", "S3", "S4", "somebody-else"]
    rows = [f"v{i}.mkv,{subject},{part}\n" for i, (subject, part) in enumerate(zip(told, parts, strict=True))]
    (folder / "splits.csv").write_text("session,subject,split\n" + "".join(rows))
    with pytest.raises(TrainingError, match=r"'v5\.mkv' is of subject 'somebody-else', the recording says 'S4'"):
        prepared(folder, tmp_path / "out", processes=1)
    with pytest.raises(TrainingError, match="not prepared to its end"):
        open_collection(str(tmp_path / "out"))


@pytest.mark.parametrize(
    "parts", [(("a", "b"), ("c",), ("a",)), (("a",), ("a", "c"), ("b",)), (("a",), ("b", "c"), ("c",))]
)
def test_a_subject_in_two_splits_is_an_error(parts):
    with pytest.raises(TrainingError, match="every subject belongs to one split"):
        Split(*parts)


def test_fewer_than_three_subjects_are_prepared_but_do_not_train(six_videos, tmp_path):
    for number in range(2):
        shutil.copy(six_videos / f"v{number}.mkv", tmp_path)
    collection, _ = prepared(tmp_path, tmp_path / "out", processes=1)
    assert collection.published is None
    with pytest.raises(TrainingError, match="at least 3 subjects"):
        assemble(collection.recordings(), SETTINGS, load_class_list())


def test_processes_that_cannot_start_are_no_fault_of_the_recordings(six_videos, tmp_path):
    """A script from standard input cannot be started again, which is what each process begins with."""
    script = (
        "from pathlib import Path; from trainer.config import TrainConfig; from trainer.prepare import prepare\n"
        f"prepare(Path({str(six_videos)!r}), {str(tmp_path / 'out')!r}, TrainConfig(), lambda *_: None, processes=2)\n"
    )
    done = subprocess.run([sys.executable, "-"], input=script, capture_output=True, text=True, timeout=DEADLINE_S)
    assert "TrainingError: no process could be started to decode: try --processes 1" in done.stderr
    assert not (tmp_path / "out" / "rejects.json").exists()
