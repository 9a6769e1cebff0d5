"""The prepared collection: resumed after a kill, the same everywhere, and honest about what it could not use."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import fsspec
import numpy as np
import pytest

from assistant.errors import TrainingError
from tests.trainer.collecting import CONFIG, SETTINGS, prepared
from tests.trainer.conftest import WORDS
from tests.trainer.media import grey_steps, write_video
from trainer.collection import open_collection
from trainer.config import TrainConfig
from trainer.data import clips, load_dataset, speech_of, speech_windows
from trainer.pairs import batches
from trainer.prepare import prepare
from trainer.store import describe, mapped

SONOCUE = Path(sys.executable).with_name("sonocue")
DEADLINE_S = 100
ARRAYS = ("frames", "times_s", "labels", "gaze_s", "gaze_xy", "speech_s", "speech", "utterances")


def stores(folder):
    return {file.name: file.read_bytes() for file in sorted((folder / "recordings").iterdir())}


# ------------------------------------------------------------------------------------------------ the same everywhere


def test_words_are_kept_on_disk_and_in_an_object_store(on_disk, in_memory):
    for here, there in zip(on_disk.recordings(), in_memory.recordings(), strict=True):
        assert len(here.words) == len(here.utterances) == 6
        assert set(here.words) == set(WORDS.values())
        assert here.words == there.words


def test_a_recording_of_before_there_were_words_still_opens(on_disk, tmp_path):
    entry = on_disk.index.recordings[0]
    with zipfile.ZipFile(on_disk.place.local / entry.file) as new, zipfile.ZipFile(tmp_path / "old.npz", "w") as old:
        for member in new.infolist():
            if member.filename != "words.npy":
                old.writestr(member, new.read(member))
    with (tmp_path / "old.npz").open("rb") as stream:
        before = mapped(tmp_path / "old.npz", describe(stream, "old.npz"))
    assert before.words == ()
    np.testing.assert_array_equal(before.frames, on_disk.recordings()[0].frames)


def test_an_object_store_holds_the_same_bytes_as_a_disk(on_disk, in_memory):
    fs = fsspec.filesystem("memory")
    here = on_disk.place.local
    names = sorted(file.relative_to(here).as_posix() for file in here.rglob("*") if file.is_file())
    assert sorted(name.removeprefix("/bars/") for name in fs.find("/bars")) == names
    assert len(names) == 3 + 3
    for name in names:
        assert fs.cat_file(f"/bars/{name}") == (here / name).read_bytes(), name


def test_recordings_are_the_same_from_both(on_disk, in_memory):
    for ours, theirs in zip(on_disk.recordings(), in_memory.recordings(), strict=True):
        for name in ARRAYS:
            np.testing.assert_array_equal(np.asarray(getattr(theirs, name)), getattr(ours, name))
        np.testing.assert_array_equal(np.asarray(theirs.log_mel), ours.log_mel)
        assert (theirs.session_id, theirs.subject, theirs.crop) == (ours.session_id, ours.subject, ours.crop)
        assert theirs.pixel_sums == ours.pixel_sums
        assert theirs.frames[-1].tolist() == ours.frames[-1].tolist()
        np.testing.assert_array_equal(theirs.frames[[5, 2, 2]], ours.frames[[5, 2, 2]])


def test_batches_drawn_at_random_are_the_same_from_both(on_disk, in_memory):
    """k windows of each of m recordings, as training draws them."""
    drawn = []
    for collection in (on_disk, in_memory):
        recordings = collection.recordings()
        windows = speech_windows(recordings, CONFIG)
        rng = np.random.default_rng(3)
        for pairs in batches(windows, 3, 3, rng):
            number, centre_s = windows.recording[pairs], windows.centre_s[pairs]
            assert len(set(number.tolist())) == 3
            drawn.append((clips(recordings, number, centre_s, CONFIG), speech_of(recordings, number, centre_s, CONFIG)))
    half = len(drawn) // 2
    assert half > 5
    for (video, speech), (video_again, speech_again) in zip(drawn[:half], drawn[half:], strict=True):
        np.testing.assert_array_equal(video, video_again)
        np.testing.assert_array_equal(speech, speech_again)
        assert len(np.unique(video)) > 50


def test_a_batch_is_one_joint_request(in_memory, monkeypatch):
    recordings = in_memory.recordings()
    asked = []
    answer = in_memory.place.fs.cat_ranges

    def counted(_, paths, *rest, **more):
        asked.append(len(paths))
        return answer(paths, *rest, **more)

    monkeypatch.setattr(type(in_memory.place.fs), "cat_ranges", counted)
    clips(recordings, np.array([0, 1, 1, 2]), np.array([4.0, 5.0, 20.0, 9.0]), CONFIG)
    assert asked == [4]


def test_training_takes_a_collection_as_it_takes_recordings(six_videos, tmp_path):
    of_sessions = load_dataset(six_videos, SETTINGS, tmp_path, lambda line: None)
    for url in (str(tmp_path / "out"), f"file://{tmp_path}/file", "memory://six"):
        prepared(six_videos, url, processes=1)
        dataset = load_dataset(url, SETTINGS, tmp_path / "unused", print)
        assert dataset.split == of_sessions.split
        assert dataset.preprocessing == of_sessions.preprocessing
        assert [r.session_id for r in dataset.recordings] == [r.session_id for r in of_sessions.recordings]
    assert not (tmp_path / "unused").exists()
    fsspec.filesystem("memory").rm("/six", recursive=True)
    assert stores(tmp_path / "prepared") == stores(tmp_path / "out") == stores(tmp_path / "file")
    frames = np.concatenate([r.frames[::4].ravel() for r in of_sessions.of(of_sessions.split.train)])
    assert of_sessions.preprocessing.mean == round(float(frames.mean()), 2)
    assert of_sessions.preprocessing.std == round(float(frames.std()), 2)


def test_numpy_alone_reads_a_store(on_disk):
    entry = on_disk.index.recordings[0]
    with np.load(on_disk.place.local / entry.file) as arrays:
        np.testing.assert_array_equal(arrays["frames"], on_disk.recordings()[0].frames)
        assert json.loads(arrays["facts"].item())["id"] == "bars-0"


# ------------------------------------------------------------------------------------------------ killed, and going on


@pytest.fixture(scope="module")
def many_videos(tmp_path_factory):
    """Ten videos that take a process about a tenth of a second each."""
    folder = tmp_path_factory.mktemp("videos")
    rng = np.random.default_rng(0)
    first = write_video(folder / "v00.mkv", list(rng.integers(0, 40, (60, 160, 240), np.uint8)), fps=10)
    for number in range(1, 10):
        shutil.copyfile(first, folder / f"v{number:02}.mkv")
    return folder


def started(sessions, out):
    return subprocess.Popen(
        [SONOCUE, "train", "prepare", sessions, out, "--processes", "2"], stderr=subprocess.PIPE, text=True
    )


def wait_for(condition):
    until = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < until, "it did not come to that in time"
        time.sleep(0.01)


def children(pid):
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_killed_in_the_middle_it_goes_on_and_ends_the_same(many_videos, tmp_path):
    out = tmp_path / "out"
    process = started(many_videos, out)
    wait_for(lambda: len(list(out.glob("recordings/*.npz"))) >= 2)
    workers = children(process.pid)
    process.kill()
    process.wait(DEADLINE_S)
    assert workers
    wait_for(lambda: not any(map(alive, workers)))  # nothing works on for a parent that is gone

    whole = {file.name: file.stat().st_mtime_ns for file in out.glob("recordings/*.npz")}
    assert 2 <= len(whole) < 10
    for name in whole:
        with np.load(out / "recordings" / name) as arrays:
            assert arrays["frames"].shape == (24, 128, 128)
    with pytest.raises(TrainingError, match="not prepared to its end: run 'sonocue train prepare' again"):
        open_collection(str(out))

    again = started(many_videos, out)
    assert again.wait(DEADLINE_S) == 0
    assert f"{len(whole)} of 10 are prepared already" in again.stderr.read()
    for name, written_ns in whole.items():
        assert (out / "recordings" / name).stat().st_mtime_ns == written_ns
    assert sorted(file.suffix for file in (out / "recordings").iterdir()) == [".npz"] * 10

    alone = prepare(many_videos, str(tmp_path / "alone"), TrainConfig(), lambda *_: None, processes=1)
    assert stores(out) == stores(alone.place.local)
    assert (out / "index.json").read_bytes() == (tmp_path / "alone" / "index.json").read_bytes()


def test_a_process_that_dies_costs_no_recording(many_videos, tmp_path):
    """The memory killer takes one of the two that decode: what was in work is decoded again."""
    out = tmp_path / "out"
    process = started(many_videos, out)
    wait_for(lambda: len(list(out.glob("recordings/*.npz"))) >= 1)
    decoders = [pid for pid in children(process.pid) if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    os.kill(decoders[-1], signal.SIGKILL)
    assert process.wait(DEADLINE_S) == 0, process.stderr.read()
    collection = open_collection(str(out))
    assert len(collection.index.recordings) == 10
    assert not collection.rejected


def test_an_upload_that_broke_off_is_made_again(six_videos):
    fs = fsspec.filesystem("memory")
    url = "memory://broken"
    try:
        whole = prepared(six_videos, url, processes=1)[0]
        path = whole.place.path(whole.index.recordings[2].file)
        content = fs.cat_file(path)
        fs.pipe_file(path, content[: len(content) * 2 // 3])
        with pytest.raises(TrainingError, match="ends early"):
            np.asarray(whole.recordings()[2].frames)
        again, told = prepared(six_videos, url, processes=1)
        assert "5 of 6 are prepared already" in told
        assert fs.cat_file(path) == content
        assert again.index == whole.index
    finally:
        fs.rm("/broken", recursive=True)


def test_a_file_cut_short_on_disk_is_told(on_disk, tmp_path):
    shutil.copytree(on_disk.place.local, tmp_path / "copy")
    file = tmp_path / "copy" / on_disk.index.recordings[0].file
    with file.open("r+b") as stream:
        stream.truncate(file.stat().st_size - 1)
    with pytest.raises(TrainingError, match=r"expected \d+ bytes, got \d+: prepare again"):
        open_collection(str(tmp_path / "copy")).recordings()


def test_what_has_changed_is_decoded_again_and_the_old_file_goes(tmp_path):
    folder = tmp_path / "videos"
    for name in ("a", "b", "c"):
        write_video(folder / f"{name}.mkv", grey_steps(2, 20))
    first, _ = prepared(folder, tmp_path / "out", processes=1)
    (folder / "b.labels.csv").write_text("start_s,end_s,plane\n0,1,femur\n")
    second, told = prepared(folder, tmp_path / "out", processes=1)
    assert "2 of 3 are prepared already" in told
    files = [[entry.file for entry in collection.index.recordings] for collection in (first, second)]
    assert [a == b for a, b in zip(*files, strict=True)] == [True, False, True]
    assert sorted(stores(tmp_path / "out")) == sorted(Path(file).name for file in files[1])


def test_other_settings_need_another_folder(on_disk, three_sessions, tmp_path):
    other = TrainConfig(data=CONFIG.model_copy(update={"frames_hz": 8.0}))
    out = str(on_disk.place.local)
    with pytest.raises(TrainingError, match=r"frames_hz is 4\.0, asked is 8\.0\): name another folder"):
        prepare(three_sessions, out, other, lambda *_: None)
    with pytest.raises(TrainingError, match=r"frames_hz is 4\.0, asked is 8\.0"):
        load_dataset(out, other, tmp_path, print)
