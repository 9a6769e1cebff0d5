"""A steered probe: what commands do to pose and console, scripts that cannot be used, and steering while it runs."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from assistant.clock import MonotonicClock
from assistant.contracts import Device, Frame, StreamItem, StreamKind, TimelineEvent
from assistant.errors import ConfigError, EndOfStream, SourceError
from assistant.steering import Steerable, SteerCommand
from plugins.phantom.anatomy import Fetus
from plugins.phantom.device import create
from plugins.phantom.fetal_motion import FetalMotion
from plugins.phantom.geometry import Pose, Sector
from plugins.phantom.planes import BACKGROUND, label, plane_error
from plugins.phantom.scan import Scan
from plugins.phantom.settings import ScanSettings, parse_settings
from plugins.phantom.steering import SteeredOperator, TimedCommand, overview, read_script

SEED = 5
SECTOR = Sector(radius_mm=50.0, half_angle_rad=0.56, depth_mm=100.0)


@pytest.fixture(scope="module")
def fetus() -> Fetus:
    return Scan(ScanSettings(SEED)).fetus


def steered(fetus: Fetus, *script: tuple[float, SteerCommand]) -> SteeredOperator:
    return SteeredOperator(fetus, SECTOR, SEED, [TimedCommand(at_s, command) for at_s, command in script])


def hand(operator: SteeredOperator, time_s: float) -> Pose:
    """The pose without the fetus's motion."""
    pose = operator.at(time_s).pose
    moved, shift_mm = FetalMotion(SEED).at(time_s)
    return Pose(moved.T @ pose.focus_mm - shift_mm, moved.T @ pose.rotation, pose.standoff_mm)


def test_it_begins_in_an_overview_that_is_no_standard_plane(fetus: Fetus) -> None:
    pose = overview(fetus, SECTOR)
    np.testing.assert_allclose(pose.rotation.T @ pose.rotation, np.eye(3), atol=1e-12)
    assert np.linalg.det(pose.rotation) == pytest.approx(1.0)
    assert label(fetus.planes, pose, SECTOR) == BACKGROUND


def test_motion_is_along_the_probes_own_axes_and_takes_its_time(fetus: Fetus) -> None:
    begin = overview(fetus, SECTOR)
    operator = steered(fetus, (1.0, SteerCommand(move_mm=(3.0, -2.0, 4.0), over_s=2.0)))
    for time_s, share in ((0.5, 0.0), (2.0, 0.5), (3.5, 1.0)):
        went_mm = begin.rotation.T @ (hand(operator, time_s).face_mm - begin.face_mm)
        np.testing.assert_allclose(went_mm, share * np.array([3.0, -2.0, 4.0]), atol=1e-9)
    assert not np.allclose(operator.at(0.0).pose.face_mm, operator.at(0.9).pose.face_mm)  # the fetus moves


def test_it_turns_about_its_face_and_a_console_command_does_not_stop_it(fetus: Fetus) -> None:
    begin = overview(fetus, SECTOR)
    turn = SteerCommand(turn_deg=(0.0, 20.0, 0.0), move_mm=(0.0, 0.0, 2.0), over_s=1.0)
    plain = steered(fetus, (0.0, turn))
    disturbed = steered(fetus, (0.0, turn), (0.4, SteerCommand(gain_step_db=3.0)))
    pose = hand(plain, 2.0)
    cosine = float(begin.rotation[:, 2] @ pose.normal)
    assert np.degrees(np.arccos(cosine)) == pytest.approx(20.0)
    np.testing.assert_allclose(pose.face_mm, begin.face_mm + 2.0 * begin.normal, atol=1e-9)
    for time_s in (0.7, 2.0):
        np.testing.assert_allclose(hand(disturbed, time_s).face_mm, hand(plain, time_s).face_mm, atol=1e-9)
        np.testing.assert_allclose(hand(disturbed, time_s).rotation, hand(plain, time_s).rotation, atol=1e-9)


def test_frozen_holds_pose_and_heart_while_the_hand_goes_on(fetus: Fetus) -> None:
    operator = steered(
        fetus,
        (1.0, SteerCommand(freeze=True)),
        (2.0, SteerCommand(move_mm=(0.0, 0.0, 5.0), gain_db=4.0)),
        (3.0, SteerCommand(freeze=False)),
    )
    held, later, released = operator.at(1.0), operator.at(2.9), operator.at(3.0)
    assert (held.frozen, later.frozen, released.frozen) == (True, True, False)
    assert later.body_s == held.body_s == 1.0
    np.testing.assert_array_equal(held.pose.face_mm, later.pose.face_mm)
    assert later.view.gain_db == 4.0
    moved_mm = hand(operator, 3.0).face_mm - overview(fetus, SECTOR).face_mm
    assert np.linalg.norm(moved_mm) == pytest.approx(5.0)


def test_the_console_and_the_hand_stay_within_bounds(fetus: Fetus) -> None:
    far = SteerCommand(move_mm=(200.0, 0.0, 0.0), depth_step_mm=130.0, gain_step_db=40.0, zoom_step=2.0)
    moment = steered(fetus, (0.0, far), (0.1, far)).at(1.0)
    assert (moment.view.sector.depth_mm, moment.view.gain_db, moment.view.zoom) == (180.0, 20.0, 3.0)
    back = SteerCommand(depth_mm=60.0, zoom=1.5)
    view = steered(fetus, (0.0, far), (0.1, back)).at(1.0).view
    assert (view.sector.depth_mm, view.gain_db, view.zoom) == (60.0, 20.0, 1.5)
    assert np.linalg.norm(moment.pose.focus_mm) < 200.0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("freeze!", "line 1: expected a command as JSON, got 'freeze!'"),
        ("[1, 2]", "line 1: expected an object"),
        ('{"zoom": 2}', "line 1: 'at_s' is missing"),
        ('{"at_s": 1}\n\n{"at_s": 2, "zoon": 2}', "line 3: unknown 'zoon': there are at_s, move_mm"),
        ('{"at_s": 2}\n{"at_s": 1}', "line 2: expected at_s of 2 or later, got 1"),
        ('{"at_s": 1, "move_mm": [1, 2]}', r"line 1: expected three numbers .* as move_mm, got \[1, 2\]"),
        ('{"at_s": 1, "depth_mm": -5}', "line 1: expected a number between 50 and 180 as depth_mm, got -5"),
        ('{"at_s": NaN}', "as at_s, got NaN"),
        ('{"at_s": 1, "zoom": true}', "as zoom, got true"),
        ('{"at_s": 1, "freeze": 1}', "expected true or false as freeze, got 1"),
    ],
)
def test_a_script_that_cannot_be_used_is_one_line(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "script.jsonl"
    file.write_text(text)
    with pytest.raises(ConfigError, match=says) as raised:
        read_script(file)
    assert str(raised.value).startswith(str(file)) and "\n" not in str(raised.value)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_script(tmp_path / "absent.jsonl")


SMALL = "size=320x240"
SCRIPT = (
    '{"at_s": 0.1, "move_mm": [0, 0, 6], "turn_deg": [0, 15, 0], "over_s": 0.4}\n'
    '{"at_s": 0.2, "depth_step_mm": -20, "gain_db": 3}\n'
    '{"at_s": 0.4, "freeze": true}\n'
)


def all_of(device: Device, stream: StreamKind, count: int | None = None) -> list[StreamItem]:
    items: list[StreamItem] = []
    with suppress(EndOfStream):
        while count is None or len(items) < count:
            item = device.read(stream, 10.0)
            assert item is not None
            items.append(item)
    return items


@pytest.fixture
def script(tmp_path: Path) -> Path:
    file = tmp_path / "script.jsonl"
    file.write_text(SCRIPT)
    return file


def test_a_script_gives_the_same_scan_with_error_and_quality_of_each_frame(script: Path) -> None:
    argument = f"{SEED},seconds=0.5,{SMALL},steer={script}"
    scan = Scan(parse_settings(argument))
    items = list(scan.items())
    frames = [item for item in items if isinstance(item, Frame)]
    events = [item.data for item in items if isinstance(item, TimelineEvent)]
    truths = [data for data in events if "frame_index" in data]
    assert len(items) == 1 + 2 * len(frames) == 31, "neither sound nor gaze"
    for truth, time_s in ((truths[0], 0.0), (truths[8], 8 / 30)):
        pose = scan.operator().at(time_s).pose
        assert set(truth["errors"]) == {plane.name for plane in scan.fetus.planes}
        for plane in scan.fetus.planes:
            assert truth["errors"][plane.name] == pytest.approx(plane_error(plane, pose), abs=0.006)
        met = truth["quality"]["criteria"].values()
        assert truth["quality"]["score"] == pytest.approx(sum(met) / len(met), abs=1e-4)
    assert truths[0]["errors"] != truths[8]["errors"]
    assert [truth["frozen"] for truth in truths] == [False] * 12 + [True] * 3
    assert truths[5]["sector"][2] > truths[6]["sector"][2] + 19.0
    device = create(argument, paced=False)
    info = device.open(MonotonicClock())
    assert info.streams == {"video", "events"} and info.sample_rate_hz == 0
    for frame, same in zip(frames, all_of(device, "video"), strict=True):
        assert isinstance(same, Frame)
        np.testing.assert_array_equal(frame.pixels, same.pixels)
    assert events == [item.data for item in all_of(device, "events") if isinstance(item, TimelineEvent)]
    device.close()


def test_a_bad_script_or_lock_step_without_one_is_said_at_once(script: Path) -> None:
    script.write_text('{"at_s": 1, "zoom": 9}')
    with pytest.raises(ConfigError, match="line 1: expected a number between 1 and 3 as zoom, got 9"):
        create(f"1,steer={script}", paced=True)
    with pytest.raises(SourceError, match="cannot be lock-step: say steer=FILE"):
        create("1,steer=live", paced=False)


def test_live_a_command_shows_at_once_and_the_truth_holds_the_script_that_repeats_it(tmp_path: Path) -> None:
    device = create(f"{SEED},seconds=1,{SMALL},steer=live", paced=True)
    assert isinstance(device, Steerable) and device.steerable
    clock = MonotonicClock()
    device.open(clock)
    frames = all_of(device, "video", 10)
    device.steer(SteerCommand(move_mm=(4.0, 0.0, 9.0), gain_step_db=6.0))
    given_ns = clock.now_ns()
    shown_ns = None
    for _ in range(20):
        frame = device.read("video", 10.0)
        assert isinstance(frame, Frame) and isinstance(frames[-1], Frame)
        if shown_ns is None and np.abs(frame.pixels.astype(int) - frames[-1].pixels).mean() > 8.0:
            shown_ns = clock.now_ns()
        frames.append(frame)
    assert shown_ns is not None, "the command never showed"
    assert (shown_ns - given_ns) / 1e9 < 0.5
    events = [item.data for item in all_of(device, "events") if isinstance(item, TimelineEvent)]
    device.close()
    said = [event for event in events if event.get("event") == "steered"]
    assert len(said) == 1 and said[0]["gain_step_db"] == 6.0
    file = tmp_path / "again.jsonl"
    file.write_text("".join(json.dumps({"captured_ns": 7, "kind": "event", **event}) + "\n" for event in said))
    again = Scan(parse_settings(f"{SEED},seconds=1,{SMALL},steer={file}"))
    for frame, same in zip(frames, again.frames(), strict=True):
        assert isinstance(frame, Frame)
        np.testing.assert_array_equal(frame.pixels, same.pixels)
    truths = [event for event in events if "frame_index" in event]
    assert truths == [dict(event.data) for event in again.events() if "frame_index" in event.data]


def test_live_truth_goes_on_when_images_are_no_longer_read() -> None:
    """As at the end of a run: one thread has stopped, and the other must not hang."""
    device = create(f"{SEED},{SMALL},steer=live", paced=True)
    device.open(MonotonicClock())
    assert len(all_of(device, "video", 3)) == 3
    assert len(all_of(device, "events", 12)) == 12
    (frame,) = all_of(device, "video", 1)
    assert isinstance(frame, Frame) and frame.index > 3, "the oldest that nobody wanted are given up"
    device.close()
