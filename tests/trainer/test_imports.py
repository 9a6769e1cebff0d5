"""What is not a session of ours: video files with sound, DICOM cine, and the tables beside them."""

import json
import shutil

import numpy as np
import pytest

from assistant.class_list import load_class_list
from assistant.errors import TrainingError
from tests.trainer.media import RATE_HZ, grey_steps, write_dicom, write_video
from trainer.config import DataConfig, TrainConfig
from trainer.data import load_dataset, speech_windows
from trainer.labelled import labelled_frames
from trainer.prepare import prepare

CONFIG = DataConfig(paint_out=False, height_px=32, width_px=32)
SETTINGS = TrainConfig(data=CONFIG)
CLASSES = load_class_list()


def imported(folder, out):
    """The recordings by name, the rejects by name, and all lines that were told."""
    told = []
    collection = prepare(folder, str(out), SETTINGS, lambda done, total, line: told.append(line), processes=1)
    return {r.session_id: r for r in collection.recordings()}, collection.rejected, told


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


# ------------------------------------------------------------------------------------------------ video and sound


@pytest.mark.parametrize("ending", ["mkv", "mp4", "avi", "mov"])
def test_frames_and_sound_keep_their_time(folder, out, ending):
    """The grey level tells the frame's time, a burst of noise that of the sound."""
    sound = np.zeros(4 * RATE_HZ, np.float32)
    sound[2 * RATE_HZ :] = np.random.default_rng(0).uniform(-0.5, 0.5, 2 * RATE_HZ)
    own = {} if ending == "mkv" else {"codec": "libx264" if ending != "avi" else "mpeg4"}
    own |= {"sound_codec": "aac"} if ending == "mp4" else {}
    write_video(folder / f"scan.{ending}", grey_steps(4, 20), 20, sound, **own)
    recordings, rejected, _ = imported(folder, out)
    assert not rejected
    recording = recordings[f"scan.{ending}"]
    np.testing.assert_allclose(recording.times_s, np.arange(16) / 4, atol=0.06)
    np.testing.assert_allclose(recording.frames.mean(axis=(1, 2)), 20 + 20 * recording.times_s, atol=4)
    loud = recording.log_mel.mean(axis=0) > -13
    assert recording.log_mel_s + 0.01 * np.argmax(loud) == pytest.approx(2.0, abs=0.05)
    assert loud.mean() == pytest.approx(0.5, abs=0.05)
    assert recording.origin == "real"


def test_a_video_without_sound_has_no_windows(folder, out):
    write_video(folder / "mute.mkv", grey_steps(4, 20))
    recordings, _, _ = imported(folder, out)
    assert recordings["mute.mkv"].log_mel.shape[1] == 0
    assert len(speech_windows([*recordings.values()], CONFIG)) == 0


def test_a_video_whose_image_changes_size_is_refused(folder, out):
    """Two streams one after the other, as a screen recorder makes them when the console changes."""
    write_video(folder / "good.mkv", grey_steps(2, 20))
    parts = [
        write_video(folder.parent / f"{width}.m2v", grey_steps(2, 25, (96, width)), 25, codec="mpeg2video").read_bytes()
        for width in (128, 160)
    ]
    (folder / "two.mpg").write_bytes(b"".join(parts))
    _, rejected, _ = imported(folder, out)
    assert "the image changes from 128 x 96 to 160 x 96" in rejected["two.mpg"]


def test_real_tongue_scans_with_speech(data_dir, out, tmp_path):
    """Real ultrasound with the speech that was spoken during it: images, voice activity, windows, one subject."""
    recordings, rejected, told = imported(data_dir / "tal_tongue_speech", out)
    assert not rejected
    assert len(recordings) == 6
    assert "no subjects.csv: each of 6 files is taken for a subject of its own" in told
    assert len(speech_windows([*recordings.values()], CONFIG)) >= 10
    for recording in recordings.values():
        assert (recording.speech >= 0.5).mean() > 0.2
        assert recording.log_mel.shape[1] == pytest.approx(100 * recording.times_s[-1], rel=0.15)
        assert recording.frames.std(axis=0).max() > 5  # it moves
    dataset = load_dataset(str(out), SETTINGS, tmp_path, print)
    assert sum(map(len, (dataset.split.train, dataset.split.validation, dataset.split.test))) == 6


def test_real_cine_without_sound(data_dir, out):
    recordings, rejected, _ = imported(data_dir / "us_video", out)
    assert sorted(recordings) == ["butterfly-ocular-phantom.mp4", "clarius-ocular-short.mp4"]
    assert recordings["butterfly-ocular-phantom.mp4"].times_s[-1] == pytest.approx(29.0, abs=0.1)
    assert rejected["sonoque_anechoic-3mm-3mm.dcm"].endswith("expected a cine, got one image")


# ------------------------------------------------------------------------------------------------ DICOM


def test_a_real_dicom_cine(folder, out):
    pydicom_data = pytest.importorskip("pydicom.data")
    shutil.copyfile(pydicom_data.get_testdata_file("examples_ybr_color.dcm"), folder / "IM000001")
    recordings, rejected, told = imported(folder, out)
    assert not rejected
    recording = recordings["IM000001"]
    np.testing.assert_allclose(recording.times_s, [0, 0.266664, 0.499995, 0.766659], atol=1e-6)  # 33.333 ms a frame
    import pydicom

    whole = pydicom.dcmread(folder / "IM000001").pixel_array  # YBR, so its first channel is the luma
    assert recording.frames[2].mean() == pytest.approx(whole[15, ..., 0].mean(), abs=0.6)
    assert any("its ultrasound region does not lie in its 320 x 240 image" in line for line in told)
    assert recording.crop == (0.0, 0.0, 1.0, 1.0)


def _ramp(dtype=np.uint8, top=200):
    """Twelve frames, 100 ms apart: dark on the left, ``top`` on the right."""
    image = np.linspace(0, top, 64).round().astype(dtype)
    return np.broadcast_to(image, (12, 48, 64)).copy()


def test_grey_levels_stay_what_they_are(folder, out):
    """The brightest pixel of a file is 200 of 255, or a tenth of what its bits allow, and so it remains."""
    ramp = _ramp()
    write_dicom(folder / "grey.dcm", ramp, "MONOCHROME2")
    write_dicom(folder / "negative.dcm", 255 - ramp, "MONOCHROME1")
    write_dicom(folder / "colour.dcm", np.stack([ramp] * 3, axis=-1), "RGB")
    full = np.stack([ramp, np.full_like(ramp, 128), np.full_like(ramp, 128)], axis=-1)
    write_dicom(folder / "ybr.dcm", full, "YBR_FULL")
    write_dicom(folder / "deep.dcm", _ramp(np.uint16, 409), "MONOCHROME2", BitsStored=12, HighBit=11)
    recordings, rejected, _ = imported(folder, out)
    assert not rejected
    for name in ("grey", "negative", "colour", "ybr"):
        frames = recordings[f"{name}.dcm"].frames
        assert abs(int(frames.max()) - 198) <= 2, name
        np.testing.assert_allclose(frames[0], recordings["grey.dcm"].frames[0], atol=1)
        assert len(frames) == 5
    assert abs(int(recordings["deep.dcm"].frames.max()) - 25) <= 1


@pytest.mark.parametrize(
    ("tags", "problem"),
    [
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "photometric interpretation PALETTE COLOR is not handled"),
        ({"PhotometricInterpretation": "YBR_PARTIAL_420"}, "photometric interpretation YBR_PARTIAL_420"),
        ({"PixelRepresentation": 1}, "got MONOCHROME2 of 8 bits, signed"),
        ({"FrameTime": None}, "no Frame Time, Frame Time Vector or Cine Rate"),
        ({"FrameTime": None, "FrameTimeVector": [0, 100, 50] * 4}, "does not give each of 12 frames a later time"),
        ({"PixelData": bytes(500)}, "cannot be used"),
    ],
)
def test_dicom_that_is_not_known_to_be_right_is_refused_by_name(folder, out, tags, problem):
    write_dicom(folder / "good.dcm", _ramp(), "MONOCHROME2")
    write_dicom(folder / "odd.dcm", _ramp(), "MONOCHROME2", **tags)
    recordings, rejected, _ = imported(folder, out)
    assert list(recordings) == ["good.dcm"]
    assert problem in rejected["odd.dcm"]
    assert "\n" not in rejected["odd.dcm"]


def test_dicom_frame_times_and_sector_come_from_the_file(folder, out):
    import pydicom

    region = pydicom.Dataset()
    region.RegionSpatialFormat, region.RegionDataType = 1, 1
    region.RegionLocationMinX0, region.RegionLocationMaxX1 = 32, 63
    region.RegionLocationMinY0, region.RegionLocationMaxY1 = 0, 23
    vector = [0.0] + [300.0] * 11
    write_dicom(folder / "a.dcm", _ramp(), "MONOCHROME2", FrameTimeVector=vector, SequenceOfUltrasoundRegions=[region])
    write_dicom(folder / "b.dcm", _ramp(), "MONOCHROME2", FrameTime=None, CineRate=5)
    recordings, _, _ = imported(folder, out)
    np.testing.assert_allclose(recordings["a.dcm"].times_s, np.arange(12) * 0.3)
    assert recordings["a.dcm"].crop == (0.0, 0.5, 0.5, 1.0)
    assert recordings["a.dcm"].frames.min() >= 100  # the bright half
    assert recordings["b.dcm"].times_s[-1] == pytest.approx(2.0)


def test_files_of_one_patient_are_one_subject_and_the_id_is_not_kept(folder, out):
    for name, patient in (("a", "123456"), ("b", "123456"), ("c", "77"), ("d", ""), ("e", "")):
        write_dicom(folder / f"{name}.dcm", _ramp(), "MONOCHROME2", PatientID=patient)
    recordings, _, told = imported(folder, out)
    assert [r.subject for r in recordings.values()] == ["a.dcm", "a.dcm", "c.dcm", "d.dcm", "e.dcm"]
    assert "no subjects.csv: 3 DICOM files are of 2 patients by their ID" in told
    assert not any(b"123456" in file.read_bytes() for file in out.rglob("*") if file.is_file())


# ------------------------------------------------------------------------------------------------ tables


@pytest.fixture
def three(folder):
    """Three videos of 4 s, one of them in a folder of its own."""
    for name in ("a.mkv", "b.mkv", "deep/c.mkv"):
        write_video(folder / name, grey_steps(4, 20))
    return folder


def test_subjects_labels_and_gaze_come_from_tables(three, out):
    (three / "subjects.csv").write_text("file,subject\na.mkv,S1\nb.mkv, S2\ndeep/c.mkv,S1\n")
    (three / "labels.csv").write_text(
        "\ufefffile,start_s,end_s,plane,who\na.mkv,1,2,femur,me\na.mkv,2.0,3,background,me\ndeep/c.mkv,0,4,abdomen,me\n",
        encoding="utf-8",
    )
    (three / "b.labels.csv").write_text("plane,start_s,end_s\nprofile,0.5,1.5\n")
    (three / "deep" / "c.gaze.csv").write_text(
        "time_s,x_px,y_px,valid\n0.5,63.5,47.5,1\n0.1,0,0,1\n1.0,500,20,1\n1.5,nan,nan,0\n2.0,127.2,95.4,true\n"
    )
    recordings, rejected, told = imported(three, out)
    assert not rejected
    assert {name: r.subject for name, r in recordings.items()} == {"a.mkv": "S1", "b.mkv": "S2", "deep/c.mkv": "S1"}
    names = [[CLASSES.classes[i] if i >= 0 else "-" for i in r.labels] for r in recordings.values()]
    assert names[0] == ["-"] * 4 + ["femur"] * 4 + ["background"] * 4 + ["-"] * 4
    assert names[1] == ["-"] * 2 + ["profile"] * 4 + ["-"] * 10
    assert names[2] == ["abdomen"] * 16
    gaze = recordings["deep/c.mkv"]
    np.testing.assert_allclose(gaze.gaze_s, [0.1, 0.5, 2.0])
    np.testing.assert_allclose(gaze.gaze_xy[1], [0.5, 0.5])
    assert any("c.gaze.csv: 1 of 4 valid samples lie outside the image" in line for line in told)
    assert not any("subject of its own" in line for line in told)


def test_a_crop_leaves_the_rest_of_the_screen_out(three, out):
    bright_right = np.zeros((96, 128), np.uint8)
    bright_right[:, 64:] = 200
    write_video(three / "a.mkv", [bright_right] * 40)
    (three / "a.gaze.csv").write_text("time_s,x_px,y_px,valid\n0.5,95.5,47.5,1\n0.6,10,10,1\n")
    (three / "crops.csv").write_text("file,top,left,bottom,right\n*,0,0,0.5,0.5\na.mkv,0,0.5,1,1\n")
    recordings, _, _ = imported(three, out)
    assert (recordings["a.mkv"].frames == 200).all()
    np.testing.assert_allclose(recordings["a.mkv"].gaze_xy, [[0.5, 0.5]])
    assert recordings["b.mkv"].crop == recordings["deep/c.mkv"].crop == (0.0, 0.0, 0.5, 0.5)


def test_labels_may_be_added_to_sessions(bar_sessions, tmp_path, out):
    shutil.copytree(bar_sessions / "bars-0", tmp_path / "in" / "bars-0")
    (tmp_path / "in" / "labels.csv").write_text("file,start_s,end_s,plane\nbars-0,0,32,kidneys\n")
    recordings, _, _ = imported(tmp_path / "in", out)
    assert {CLASSES.classes[i] for i in recordings["bars-0"].labels} == {"kidneys"}


def test_imported_labels_and_gaze_teach_both_heads(three, out, tmp_path):
    for name in ("a", "b", "deep/c"):
        (three / f"{name}.labels.csv").write_text("start_s,end_s,plane\n0,2,femur\n2,4,background\n")
        (three / f"{name}.gaze.csv").write_text("time_s,x_px,y_px,valid\n1,20,30,1\n3,90,60,1\n")
    imported(three, out)
    dataset = load_dataset(str(out), SETTINGS, tmp_path, print)
    frames = labelled_frames(dataset.of(dataset.split.train), dataset, SETTINGS, CLASSES)
    assert dataset.classes == ("femur", "background")
    assert (np.bincount(frames.labels) == [8, 8]).all()
    assert 2 <= frames.has_gaze.sum() <= 6


@pytest.mark.parametrize(
    ("table", "text", "problem"),
    [
        (
            "labels.csv",
            "file,start,end_s,plane\n",
            "expected the columns file.*: start_s is missing",
        ),
        ("labels.csv", "file,start_s,end_s,plane\nz.mkv,0,1,femur\n", "line 2: there is no recording 'z.mkv'"),
        (
            "labels.csv",
            "file,start_s,end_s,plane\na.mkv,one,2,femur\n",
            "start_s: expected a number, got 'one'",
        ),
        ("labels.csv", "file,start_s,end_s,plane\na.mkv,2,1,femur\n", "expected start_s < end_s, got 2.0 and 1.0"),
        ("labels.csv", "file,start_s,end_s,plane\na.mkv,2\n", "line 2: expected 4 values"),
        ("subjects.csv", "", "expected the columns file, subject, got none"),
        ("subjects.csv", "file,subject\na.mkv,S1\na.mkv,S2\n", "line 3: 'a.mkv' is of 'S1' and of 'S2'"),
        ("subjects.csv", "file,subject\na.mkv,\n", "expected a subject's pseudonym"),
        ("crops.csv", "file,top,left,bottom,right\na.mkv,0,0,2,1\n", "expected 0 <= top < bottom <= 1"),
        ("crops.csv", b"\xff\xfe\x00", "cannot be read as a table"),
    ],
)
def test_a_wrong_table_of_the_folder_ends_it_before_anything_is_decoded(three, out, table, text, problem):
    (three / table).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(TrainingError, match=problem) as error:
        imported(three, out)
    assert "\n" not in str(error.value)
    assert not list(out.rglob("*.npz"))


@pytest.mark.parametrize(
    ("table", "text", "problem"),
    [
        (
            "a.labels.csv",
            "start_s,end_s,plane\n0,1,fermur\n",
            "label 'fermur' from 0.0 to 1.0 s: class list",
        ),
        ("a.labels.csv", "start_s,end_s,plane\n0,2,femur\n1,3,profile\n", "two labels overlap at 1.0 s"),
        ("a.labels.csv", "from,to,plane\n", "expected the columns start_s, end_s, plane"),
        ("a.gaze.csv", "time_s,x_px,y_px,valid\n1,900,900,1\n", "none of 1 valid samples lies in the image"),
        ("a.gaze.csv", "time_s,x_px,y_px,valid\n1,9,9,maybe\n", "valid: expected 1 or 0, got 'maybe'"),
        ("a.gaze.csv", "time,x,y\n", "expected the columns time_s, x_px, y_px, valid, got time, x, y"),
        ("labels.csv", "file,start_s,end_s,plane\na.mkv,0,1,fermur\n", "label 'fermur'"),
        ("subjects.csv", "file,subject\nb.mkv,S1\ndeep/c.mkv,S2\n", "subjects.csv does not say whose it is"),
    ],
)
def test_a_recording_with_a_wrong_table_is_a_reject(three, out, table, text, problem):
    (three / table).write_text(text)
    recordings, rejected, _ = imported(three, out)
    assert sorted(recordings) == ["b.mkv", "deep/c.mkv"]
    assert list(rejected) == ["a.mkv"]
    assert problem in rejected["a.mkv"]
    assert json.loads((out / "rejects.json").read_text()) == [{"file": "a.mkv", "reason": rejected["a.mkv"]}]


def test_a_table_that_may_belong_to_two_files_is_told(three, out):
    write_video(three / "a.avi", grey_steps(2, 20), codec="mpeg4")
    (three / "a.labels.csv").write_text("start_s,end_s,plane\n0,1,femur\n")
    recordings, rejected, _ = imported(three, out)
    assert sorted(rejected) == ["a.avi", "a.mkv"]
    assert "may belong to any of 2 files" in rejected["a.avi"]
    assert len(recordings) == 2
