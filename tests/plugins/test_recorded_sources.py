"""DICOM cine and tracked sequences: real ones as they are, and drawn ones for what the real ones do not show."""

from __future__ import annotations

import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import generate_frames

from assistant.contracts import Frame, TimelineEvent
from assistant.errors import EndOfStream, SonocueError
from plugins.sources import dicom, tracked
from tests.drawn_sequences import shades, write_dicom, write_tracked

SOURCES = {"dicom": dicom.create, "tracked": tracked.create}


def play(source: str, path: Path, clock) -> tuple:
    """What the device said of itself, its frames and its events."""
    device = SOURCES[source](str(path), paced=False)
    try:
        info = device.open(clock)
        frames: list[Frame] = []
        events: list[TimelineEvent] = []
        for stream, items in (("video", frames), ("events", events)):
            while stream in info.streams:
                try:
                    items.append(device.read(stream, 1.0))
                except EndOfStream:
                    break
        return info, frames, events
    finally:
        device.close()


def message(source: str, path: Path, clock) -> str:
    with pytest.raises(SonocueError) as error:
        play(source, path, clock)
    assert "\n" not in str(error.value)
    assert path.name in str(error.value)
    return str(error.value)


REAL_SEQUENCES = {"BoneUltrasound_L14.igs.mha": 232.542071, "SpinePhantomFreehand.igs.mha": 215.102186}
RATES_HZ = {"BoneUltrasound_L14.igs.mha": 11.63, "SpinePhantomFreehand.igs.mha": 10.84}


@pytest.mark.parametrize("name", REAL_SEQUENCES)
def test_a_real_tracked_sequence_comes_as_it_was_recorded(data_dir, manual_clock, name):
    path = data_dir / "plus_igs_mha" / name
    opened_ns = manual_clock.now_ns()
    info, frames, events = play("tracked", path, manual_clock)
    head, _, packed = path.read_bytes().partition(b"ElementDataFile = LOCAL\n")
    stored = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(21, 616, 820)
    assert (info.width_px, info.height_px, info.notes["frames"]) == (820, 616, 21)
    assert info.fps == pytest.approx(RATES_HZ[name], abs=0.01)
    assert [frame.index for frame in frames] == list(range(21))
    for frame, pixels in zip(frames, stored, strict=True):
        np.testing.assert_array_equal(frame.pixels, pixels)
    lines = dict(line.split(" = ", 1) for line in head.decode().splitlines() if " = " in line)
    assert float(lines["Seq_Frame0000_Timestamp"]) == REAL_SEQUENCES[name]
    for index, (frame, event) in enumerate(zip(frames, events, strict=True)):
        since_s = float(lines[f"Seq_Frame{index:04d}_Timestamp"]) - REAL_SEQUENCES[name]
        assert frame.captured_ns - opened_ns == pytest.approx(since_s * 1e9, abs=1000)
        assert event.captured_ns == frame.captured_ns
        assert event.data["frame_index"] == index
        pose = lines[f"Seq_Frame{index:04d}_ProbeToTrackerTransform"]
        assert event.data["transforms"]["ProbeToTracker"] == [float(number) for number in pose.split()]


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("channels", [1, 3])
def test_packed_or_not_grey_or_colour(tmp_path, manual_clock, compressed, channels):
    pictures = shades(5, 31, 47, channels)
    if channels == 3:
        pictures[..., 0] = 200  # red: a reader that swaps the colours shows
    path = write_tracked(tmp_path / "odd.mha", pictures, compressed=compressed)
    _, frames, _ = play("tracked", path, manual_clock)
    for frame, picture in zip(frames, pictures, strict=True):
        np.testing.assert_array_equal(frame.pixels, picture)


@pytest.mark.parametrize(
    ("orientation", "corner"), [("MF", (0, 0)), ("UFA", (0, -1)), ("MN", (-1, 0)), ("UN", (-1, -1)), ("FM", (0, 0))]
)
def test_images_are_turned_upright(tmp_path, manual_clock, orientation, corner):
    """The marked side of the probe is on the left, the far end at the bottom."""
    path = write_tracked(tmp_path / "turned.mha", shades(2, 30, 50), UltrasoundImageOrientation=orientation)
    info, frames, _ = play("tracked", path, manual_clock)
    assert (info.width_px, info.height_px) == ((30, 50) if orientation == "FM" else (50, 30))
    bright = {(row, column) for row in (0, -1) for column in (0, -1) if frames[1].pixels[row, column] == 255}
    assert bright == {corner}


def test_what_the_recorder_calls_invalid_is_missing_and_its_pose_none(tmp_path, manual_clock):
    _, frames, events = play(
        "tracked", write_tracked(tmp_path / "a.mha", shades(12, 30, 50), invalid=[3]), manual_clock
    )
    assert [frame.index for frame in frames] == [0, 1, 2, *range(4, 12)]
    assert [event.data["frame_index"] for event in events if event.data["transforms"]["ProbeToTracker"] is None] == [9]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"ElementType": "MET_USHORT"}, "ElementType: expected MET_UCHAR, got MET_USHORT"),
        ({"NDims": "4"}, "NDims: expected 3, got 4"),
        ({"ElementDataFile": "/etc/passwd"}, "ElementDataFile: expected LOCAL, got /etc/passwd"),
        ({"DimSize": "50 30"}, "got DimSize '50 30'"),
        ({"DimSize": "99999 99999 4"}, "got DimSize '99999 99999 4'"),
        ({"DimSize": "50 30 99999999"}, "not every frame says when it was taken"),
        ({"DimSize": "50 x 4"}, "a field cannot be read"),
        ({"ElementNumberOfChannels": "4"}, "4 channels"),
        ({"UltrasoundImageOrientation": "AMF"}, "orientation 'AMF' is not handled"),
        ({"Seq_Frame0002_Timestamp": None}, "not every frame says when it was taken"),
        ({"Seq_Frame0002_Timestamp": "1.0"}, "its times go back"),
        ({"Seq_Frame0002_Timestamp": "nan"}, "its times go back"),
        ({"Seq_Frame0002_ProbeToTrackerTransform": "1 2 3"}, "expected 16 numbers, got 3"),
    ],
)
def test_a_sequence_that_is_not_understood_is_refused(tmp_path, manual_clock, fields, problem):
    path = write_tracked(tmp_path / "sweep.mha", shades(4, 30, 50), **fields)
    assert problem in message("tracked", path, manual_clock)


@pytest.mark.parametrize("compressed", [True, False])
def test_a_torn_sequence_ends_with_a_line(tmp_path, manual_clock, compressed):
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (20, 100, 100)).astype(np.uint8)
    path = write_tracked(tmp_path / "torn.mha", noise, compressed=compressed)
    path.write_bytes(path.read_bytes()[:-60_000])
    assert "is torn: expected 20 images, got 1" in message("tracked", path, manual_clock)
    if compressed:
        damaged = bytearray(write_tracked(path, noise).read_bytes())
        damaged[-60_000:-59_000] = bytes(1000)
        path.write_bytes(damaged)
        assert "is damaged in image" in message("tracked", path, manual_clock)


def test_a_real_dicom_image_is_one_frame(data_dir, manual_clock):
    info, frames, _ = play("dicom", data_dir / "us_video" / "sonoque_anechoic-3mm-3mm.dcm", manual_clock)
    assert [frame.pixels.shape[:2] for frame in frames] == [(info.height_px, info.width_px)]


def test_a_real_cine_comes_with_its_times_its_colours_and_its_sector(manual_clock):
    """The echocardiogram inside pydicom: 30 frames, JPEG, YBR."""
    path = get_testdata_file("examples_ybr_color.dcm", download=False)
    if path is None:
        pytest.skip("this pydicom has no test files")
    info, frames, _ = play("dicom", Path(path), manual_clock)
    header = dcmread(path)
    assert len(frames) == header.NumberOfFrames == 30
    steps_ms = np.diff([frame.captured_ns for frame in frames]) / 1e6
    np.testing.assert_allclose(steps_ms, float(header.FrameTime), atol=0.01)
    assert (info.width_px, info.height_px) == (header.Columns, header.Rows)
    assert info.sector_crop is None
    assert "its ultrasound region does not lie in its 320 x 240 image" in info.notes["remark"]
    for frame, packed in zip(frames, generate_frames(header.PixelData, number_of_frames=30), strict=True):
        decoded = cv2.imdecode(np.frombuffer(packed, np.uint8), cv2.IMREAD_COLOR)
        np.testing.assert_allclose(frame.pixels[..., ::-1].astype(int), decoded.astype(int), atol=2)


def test_its_own_region_is_the_sector(tmp_path, manual_clock):
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType = 1, 1
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 12, 8
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 35, 23
    path = write_dicom(tmp_path / "a.dcm", shades(3, 32, 48), SequenceOfUltrasoundRegions=[region])
    info, _, _ = play("dicom", path, manual_clock)
    assert info.sector_crop == (8 / 32, 12 / 48, 24 / 32, 36 / 48)


def test_colour_and_inverted_grey_levels(tmp_path, manual_clock):
    red = shades(3, 31, 47, 3)
    red[..., 0] = 200
    _, frames, _ = play("dicom", write_dicom(tmp_path / "red.dcm", red), manual_clock)
    for frame, picture in zip(frames, red, strict=True):
        np.testing.assert_array_equal(frame.pixels, picture)
    grey = shades(3, 32, 48)
    path = write_dicom(tmp_path / "inverted.dcm", grey, PhotometricInterpretation="MONOCHROME1")
    _, frames, _ = play("dicom", path, manual_clock)
    np.testing.assert_array_equal(frames[1].pixels, 255 - grey[1])


def test_a_frame_time_vector_keeps_its_times(tmp_path, manual_clock):
    path = write_dicom(tmp_path / "a.dcm", shades(4, 32, 48), FrameTime=None, FrameTimeVector=["0", "40", "100", "30"])
    opened_ns = manual_clock.now_ns()
    _, frames, _ = play("dicom", path, manual_clock)
    assert [(frame.captured_ns - opened_ns) / 1e6 for frame in frames] == [0, 40, 140, 170]


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        ({"FrameTime": None}, "no Frame Time, Frame Time Vector or Cine Rate says when"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "photometric interpretation PALETTE COLOR is not handled"),
        ({"PixelRepresentation": 1}, "signed"),
    ],
)
def test_a_cine_that_is_not_understood_is_refused(tmp_path, manual_clock, facts, problem):
    assert problem in message("dicom", write_dicom(tmp_path / "cine.dcm", shades(4, 32, 48), **facts), manual_clock)


def test_a_torn_cine_is_one_line(tmp_path, manual_clock):
    path = write_dicom(tmp_path / "torn.dcm", shades(10, 100, 100))
    path.write_bytes(path.read_bytes()[:-45_000])
    assert message("dicom", path, manual_clock)
