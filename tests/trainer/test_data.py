"""From sessions to arrays: the crop, the truth, the gaze, the splits; and what cannot be trained on is one line."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from assistant.class_list import load_class_list
from assistant.errors import ConfigError, SonocueError, TrainingError
from assistant.session.reader import SessionReader
from trainer.config import DataConfig, TrainConfig, load_config
from trainer.data import assemble, clips, load_dataset, speech_of, speech_windows, true_relevance
from trainer.finetune import finetune
from trainer.labelled import draw_balanced, labelled_frames
from trainer.prepare import prepare
from trainer.pretrain import pretrain
from trainer.recordings import read_session
from trainer.run_folder import begin_run
from trainer.splits import split_subjects

CONFIG = DataConfig(paint_out=False, height_px=64, width_px=64, clip_frames=3)
CLASSES = load_class_list()
SETTINGS = TrainConfig(data=CONFIG)


@pytest.fixture(scope="module")
def recordings(bar_sessions, tmp_path_factory):
    out = tmp_path_factory.mktemp("prepared")
    return prepare(bar_sessions, str(out), SETTINGS, lambda *_: None, processes=1).recordings()


def test_a_session_becomes_arrays(recordings, bar_sessions):
    recording = recordings[0]
    reader = SessionReader(bar_sessions / recording.session_id)
    assert recording.frames.shape == (128, 64, 64)
    np.testing.assert_allclose(np.diff(recording.times_s), 0.25, atol=1e-6)
    assert recording.crop == (0.0, 0.125, 1.0, 0.875)
    truth = {e.data["frame_index"]: e.data["plane"] for e in reader.timeline("truth") if "frame_index" in e.data}
    kept = [
        int(np.argmin(np.abs(reader.frame_times_ns - reader.frame_times_ns[0] - t * 1e9))) for t in recording.times_s
    ]
    assert [CLASSES.classes[label] for label in recording.labels] == [truth[i] for i in kept]
    assert len(recording.gaze_s) == 32 * 8 * 4  # without the samples beside the screen and the invalid ones
    assert ((recording.gaze_xy >= 0) & (recording.gaze_xy < 1)).all()


def test_gaze_lies_on_the_bar(recordings):
    """The gaze was recorded on the bar's centre, so the picture is brighter there than elsewhere."""
    recording = recordings[0]
    bar = np.flatnonzero(recording.labels != CLASSES.classes.index("background"))
    at = np.searchsorted(recording.gaze_s, recording.times_s[bar])
    columns, rows = (recording.gaze_xy[at] * 64).astype(int).T
    there = recording.frames[bar, rows, columns].astype(float)
    assert there.mean() > recording.frames[bar].mean() + 40


def test_windows_lie_where_somebody_speaks(recordings):
    windows = speech_windows(recordings, CONFIG)
    assert len(windows) > 60
    for r, centre in zip(windows.recording, windows.centre_s, strict=True):
        start_s, end_s, _ = recordings[r].utterances.T
        assert (np.minimum(end_s, centre + 1) - np.maximum(start_s, centre - 1)).max() > 0.3
    assert true_relevance(recordings, windows, CONFIG).min() == 1.0


def test_clips_and_speech_are_of_their_moment(recordings):
    windows = speech_windows(recordings, CONFIG)
    number, centre_s = windows.recording[:5], windows.centre_s[:5]
    video = clips(recordings, number, centre_s, CONFIG)
    assert video.shape == (5, 3, 64, 64)
    nearest = np.argmin(np.abs(recordings[number[0]].times_s - centre_s[0]))
    np.testing.assert_array_equal(video[0, 1], recordings[number[0]].frames[nearest])
    speech = speech_of(recordings, number, centre_s, CONFIG)
    assert speech.shape == (5, 64, 200)
    first = round((centre_s[0] - 1.0 - recordings[number[0]].log_mel_s) * 100)
    np.testing.assert_array_equal(speech[0], recordings[number[0]].log_mel[:, first : first + 200])


def test_splits_are_by_subject(recordings):
    dataset = assemble(recordings, SETTINGS, CLASSES)
    parts = [dataset.split.train, dataset.split.validation, dataset.split.test]
    assert sorted(name for part in parts for name in part) == [f"subject-{i}" for i in range(5)]
    sessions = [{r.session_id for r in dataset.of(part)} for part in parts]
    assert sum(len(s) for s in sessions) == 6
    assert dataset.classes == ("profile", "abdomen", "femur", "background")


def test_split_is_of_the_seed_alone():
    names = [f"p{i}" for i in range(20)]
    assert split_subjects(names, CONFIG, 3) == split_subjects(names[::-1] * 2, CONFIG, 3)
    assert split_subjects(names, CONFIG, 3) != split_subjects(names, CONFIG, 4)


def test_a_published_split_is_kept_and_others_are_not_touched(bar_sessions, tmp_path):
    sessions = tmp_path / "sessions"
    shutil.copytree(bar_sessions, sessions)
    names = sorted(path.name for path in sessions.iterdir())
    subjects = [SessionReader(sessions / name).header.subject for name in names]
    parts = dict(zip(dict.fromkeys(subjects), ("test", "train", "validation", "harder"), strict=False))
    parts = {subject: parts.get(subject, "train") for subject in subjects}
    rows = [f"{name},{subject},{parts[subject]}" for name, subject in zip(names, subjects, strict=True)]
    (sessions / "splits.csv").write_text("\n".join(["session,subject,split", *rows]) + "\n")
    told = []
    dataset = load_dataset(sessions, SETTINGS, tmp_path, told.append)
    for part in ("train", "validation", "test"):
        assert set(getattr(dataset.split, part)) == {s for s, given in parts.items() if given == part}
    assert {r.subject for r in dataset.recordings} == {s for s, given in parts.items() if given != "harder"}
    assert "kept apart" in told[0]
    (sessions / "splits.csv").write_text("\n".join(["session,subject,split", *rows[1:]]) + "\n")
    with pytest.raises(TrainingError, match="has no split for"):
        load_dataset(sessions, SETTINGS, tmp_path, told.append)
    (sessions / "splits.csv").write_text("session,split\na,train\n")
    with pytest.raises(TrainingError, match="expected the columns"):
        load_dataset(sessions, SETTINGS, tmp_path, told.append)


def test_labelled_frames_have_density_and_points(recordings):
    dataset = assemble(recordings, SETTINGS, CLASSES)
    frames = labelled_frames(recordings[:1], dataset, SETTINGS, CLASSES)
    assert frames.density.shape == (128, 16, 16)
    np.testing.assert_allclose(frames.density.sum(axis=(1, 2)), 1.0, rtol=1e-5)
    assert frames.unknown == 0
    assert set(frames.labels) == {0, 1, 2, 3}
    assert all(((p > -0.5) & (p < 15.5)).all() for p in frames.points)


def test_balanced_drawing():
    labels = np.array([0] * 900 + [1] * 90 + [2] * 10)
    rng = np.random.default_rng(0)
    as_they_are = np.bincount(labels[draw_balanced(labels, 30_000, 0.0, rng)])
    equal = np.bincount(labels[draw_balanced(labels, 30_000, 1.0, rng)])
    np.testing.assert_allclose(as_they_are / 30_000, [0.9, 0.09, 0.01], atol=0.01)
    np.testing.assert_allclose(equal / 30_000, [1 / 3] * 3, atol=0.02)


# ------------------------------------------------------------------------------------------------ bad input


def test_no_sessions(tmp_path):
    with pytest.raises(TrainingError, match="no sessions in"):
        load_dataset(tmp_path, SETTINGS, tmp_path, print)


def test_one_subject_only(recordings):
    with pytest.raises(TrainingError, match=r"at least 3 subjects.*got 1: subject-4"):
        assemble(recordings[4:], SETTINGS, CLASSES)


def test_a_class_without_examples(recordings):
    with pytest.raises(TrainingError, match="no example among the training subjects of: kidneys"):
        assemble(recordings, TrainConfig(data=CONFIG, classes=("femur", "kidneys")), CLASSES)


def test_without_labels_only_pretraining_is_possible(recordings, tmp_path):
    unlabelled = [replace(r, labels=np.full_like(r.labels, -1)) for r in recordings]
    dataset = assemble(unlabelled, SETTINGS, CLASSES)
    assert dataset.classes == ()
    with pytest.raises(TrainingError, match="no frame of a training subject is labelled"):
        finetune(dataset, SETTINGS, None, tmp_path, lambda figures: None)


def test_no_speech_in_any_session(bar_sessions, recordings, tmp_path):
    silent = [replace(r, speech=np.zeros_like(r.speech)) for r in recordings]
    with pytest.raises(TrainingError, match="no speech in the"):
        pretrain(assemble(silent, SETTINGS, CLASSES), SETTINGS, tmp_path, lambda figures: None)


def test_a_damaged_session_is_listed_with_its_reason(bar_sessions, tmp_path):
    for number in range(4):
        shutil.copytree(bar_sessions / f"bars-{number}", tmp_path / "sessions" / f"bars-{number}")
    (tmp_path / "sessions" / "bars-1" / "session.json").write_text("{}")
    run = tmp_path / "run"
    run.mkdir()
    dataset = load_dataset(tmp_path / "sessions", SETTINGS, run, lambda line: None)
    assert len(dataset.recordings) == 3
    assert [name for name, _ in dataset.rejected] == ["bars-1"]
    assert "bars-1" in (run / "prepared" / "rejects.json").read_text()


def test_a_session_that_cannot_be_decoded_raises_one_line(tmp_path):
    with pytest.raises(SonocueError, match="no such folder"):
        read_session(tmp_path / "nothing", CONFIG, CLASSES)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[data]\nframes_herz = 3\n", "data.frames_herz: unknown key"),
        ("[data]\nheight_px = 100\n", "data.height_px: Input should be a multiple of 32"),
        ("[pretrain]\nrho_0 = 0.9\nrho_1 = 0.5\n", "rho_0 <= rho_1"),
        ("seed = ", "is not TOML"),
    ],
)
def test_config_errors_are_one_line(tmp_path, text, problem):
    file = tmp_path / "config.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as error:
        load_config(file)
    assert problem in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["smoke", "small", "default", "stills"])
def test_shipped_configs_are_valid(smoke_config_file, name):
    load_config(smoke_config_file.with_name(f"{name}.toml"))


def test_a_run_folder_keeps_to_its_settings(smoke_config_file, tmp_path):
    begin_run(smoke_config_file, tmp_path / "run")
    begin_run(smoke_config_file, tmp_path / "run")
    with pytest.raises(TrainingError, match="other settings"):
        begin_run(smoke_config_file.with_name("small.toml"), tmp_path / "run")
