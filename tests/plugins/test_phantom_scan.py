"""A scan's streams and their truth: from the seed alone, and true."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace
from itertools import islice
from typing import get_args

import numpy as np
import numpy.typing as npt
import pytest

from assistant.class_list import load_class_list
from assistant.contracts import Frame
from plugins.phantom.fetal_motion import FetalMotion
from plugins.phantom.narration import SAMPLE_RATE_HZ, Narration, Voice, choose_voice, speak
from plugins.phantom.phrases import PLANE_TALK
from plugins.phantom.planes import BACKGROUND
from plugins.phantom.scan import FPS, Scan
from plugins.phantom.settings import Population, ScanSettings


@pytest.fixture(scope="module")
def scan() -> Scan:
    return Scan(ScanSettings(seed=11, seconds=70.0))


def fingerprint(scan: Scan) -> str:
    digest = hashlib.sha256()
    for item in scan.items():
        match item:
            case Frame():
                digest.update(item.pixels.tobytes())
            case _ if hasattr(item, "samples"):
                digest.update(item.samples.tobytes())
            case _:
                digest.update(repr(item).encode())
    return digest.hexdigest()


def test_same_seed_same_scan_bit_for_bit_and_another_seed_another() -> None:
    one, again, other = (fingerprint(Scan(ScanSettings(seed, seconds=1.0))) for seed in (4, 4, 5))
    assert one == again
    assert one != other


def test_streams_have_their_rates_and_are_in_order() -> None:
    items = list(Scan(ScanSettings(2, seconds=2.0, width_px=320, height_px=240)).items())
    times = [item.captured_ns for item in items]
    assert times == sorted(times)
    count = Counter(type(item).__name__ for item in items)
    assert (count["Frame"], count["AudioBlock"], count["GazeSample"]) == (60, 100, 180)
    frames = [item for item in items if isinstance(item, Frame)]
    assert [frame.index for frame in frames] == list(range(60))
    assert frames[0].pixels.shape == (240, 320)


def test_labels_follow_from_the_pose(scan: Scan) -> None:
    """Worked out anew here: the image as three points in space, the planes from where the structures are."""
    marks, found = scan.fetus.landmarks_mm, Counter[str]()
    thigh = marks["femur distal end"] - marks["femur proximal end"]
    brain = marks["cavum"] - marks["cerebellum"]

    def level(axis: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:  # the highest of all normals across an axis
        return np.cross(np.cross(axis, (0, 0, 1)), axis)

    hindbrain_normal = np.array([0.0, -brain[2], brain[1]])
    mouth = np.cross((1, 0, 0), marks["upper lip"] - marks["lower lip"])
    rules = {  # anchor, the plane's normal or an axis in it, largest tilt in degrees, largest distance in mm
        "transventricular brain": (marks["midline"], (0, 0, 1), None, 10.0, 3.5),
        "transcerebellar brain": ((marks["cavum"] + marks["cerebellum"]) / 2, hindbrain_normal, None, 10.0, 3.5),
        "lips": ((marks["upper lip"] + marks["lower lip"]) / 2, mouth, None, 10.0, 1.5),
        "profile": (marks["upper lip"], (1, 0, 0), None, 8.0, 2.0),
        "abdomen": (marks["umbilical vein"], (0, 0, 1), None, 10.0, 3.5),
        "kidneys": ((marks["left kidney"] + marks["right kidney"]) / 2, (0, 0, 1), None, 10.0, 3.5),
        "femur": (marks["femur shaft"], None, thigh, 8.0, 3.5),
        "coronal spine": ((marks["left arches"] + marks["right arches"]) / 2, (0, 1, 0), None, 8.0, 1.5),
        "sagittal spine": (marks["thoracic spine"], (1, 0, 0), None, 8.0, 2.0),
        "four-chamber view": (marks["crux"], (0, 0, 1), None, 8.0, 2.0),
        "LVOT": (marks["aortic root"], level(marks["aortic root"] - marks["left ventricle"]), None, 8.0, 1.5),
        "RVOT": (marks["pulmonary valve"], level(marks["pulmonary trunk"] - marks["pulmonary valve"]), None, 8.0, 1.5),
        "three-vessel view": (marks["ascending aorta"], (0, 0, 1), None, 8.0, 1.5),
    }
    truth = [event.data for event in scan.events() if "frame_index" in event.data]
    for data in truth:
        face, right, down = (np.array(data[key]) for key in ("face_mm", "lateral", "axial"))
        radius_mm, half_angle_deg, depth_mm = data["sector"]
        across = np.cross(right, down)
        surely, perhaps = set(), set()  # numbers in the truth are rounded: at a threshold, either will do
        for name, (anchor, normal, axis, tilt_deg, distance_mm) in rules.items():
            direction = np.asarray(normal if axis is None else axis, float)
            cosine = abs(direction @ across) / np.linalg.norm(direction)
            tilt = float(np.degrees(np.arccos(min(1.0, float(cosine))) if axis is None else np.arcsin(cosine)))
            from_apex = np.array([(anchor - face) @ right, (anchor - face) @ down + radius_mm])
            depth = (np.linalg.norm(from_apex) - radius_mm) / depth_mm
            slack = [
                tilt_deg - tilt,
                distance_mm - abs((anchor - face) @ across),
                0.88 * half_angle_deg / data["zoom"] - abs(np.degrees(np.arctan2(*from_apex))),
                0.38 / data["zoom"] - abs(depth - 0.5),
            ]
            if name in ("sagittal spine", "profile"):  # seen from the back or from the front, within 60 degrees
                slack.append((1 if name == "sagittal spine" else -1) * down[1] - 0.5)
            if min(slack) > -1e-3:
                perhaps.add(name)
            if min(slack) > 1e-3:
                surely.add(name)
        assert data["plane"] in perhaps | ({BACKGROUND} if not surely else set()), data["frame_index"]
        found[data["plane"]] += 1
    assert len(truth) == 70 * FPS
    assert found.keys() <= rules.keys() | {BACKGROUND}
    assert len(found) > 5
    assert 0.25 < found[BACKGROUND] / len(truth) < 0.7


def test_what_is_said_once_about_the_subject_comes_first(scan: Scan) -> None:
    first = next(iter(scan.events()))
    assert first.captured_ns == 0
    planes = first.data["subject"]["planes"]
    assert planes.keys() == {plane.name for plane in scan.fetus.planes}
    for plane in scan.fetus.planes:
        assert planes[plane.name]["anchor_mm"] == pytest.approx(plane.anchor_mm, abs=1e-4)
        assert set(plane.structures) <= first.data["subject"]["landmarks_mm"].keys()


def test_a_frozen_image_stands_still_and_the_console_follows_no_plane(scan: Scan) -> None:
    path = scan.path()
    visits = [path.visit(number) for number in range(400)]
    frozen = [visit for visit in visits if visit.freeze_end_s > visit.freeze_start_s]
    assert 0.5 < len(frozen) / len(visits) < 0.7
    for visit in frozen[:10]:
        early, late = (path.at(t) for t in (visit.freeze_start_s, visit.freeze_end_s - 0.01))
        assert early.frozen and late.frozen
        assert early.body_s == late.body_s
        np.testing.assert_array_equal(early.pose.face_mm, late.pose.face_mm)
        assert not path.at(visit.freeze_end_s).frozen
    visit, renderer = frozen[0], scan.renderer()
    held = [scan.image(renderer, path.at(visit.freeze_start_s + share * 0.1)) for share in (0.1, 0.9)]
    np.testing.assert_array_equal(*held)
    depths = {view.sector.depth_mm for view in (visit.view for visit in visits)}
    for depth_mm in depths:  # each of them with every plane
        assert len({visit.plane.name for visit in visits if visit.view.sector.depth_mm == depth_mm}) > 8


def test_the_fetus_kicks(scan: Scan) -> None:
    path = scan.path()
    steps = np.diff([path.at(t).pose.face_mm for t in np.arange(0.0, 180.0, 1 / FPS)], axis=0)
    speed = np.linalg.norm(steps, axis=1) * FPS
    assert np.percentile(speed, 50) < 40.0
    motion = FetalMotion(scan.settings.seed)
    shifts = np.diff([motion.at(t)[1] for t in np.arange(0.0, 180.0, 1 / FPS)], axis=0)
    assert (np.linalg.norm(shifts, axis=1) * FPS > 10.0).sum() > 3


def test_planes_are_of_the_class_list_and_apart(scan: Scan) -> None:
    names = [plane.name for plane in scan.fetus.planes]
    assert set(names) <= set(load_class_list().planes)
    assert set(names) <= set(PLANE_TALK)
    path = scan.path()
    for number in range(20):
        visit = path.visit(number)
        moment = path.at(0.5 * (visit.dwell_start_s + visit.dwell_end_s))
        assert scan.label(moment) in (visit.plane.name, BACKGROUND)  # a hand may slip, but not onto another plane


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 1.0])
def test_the_share_of_relevant_speech_is_as_asked(scan: Scan, share: float) -> None:
    narration = Narration(scan.path(), replace(scan.settings, relevant_share=share))
    said = list(islice(narration.utterances(), 200))
    assert np.mean([utterance.relevant for utterance in said]) == pytest.approx(share, abs=0.1)
    path = scan.path()
    for utterance in said:
        visit = path.visit_at(utterance.start_sample / SAMPLE_RATE_HZ)
        assert (utterance.plane == visit.plane.name) == utterance.relevant
        assert utterance.structure is None or utterance.structure in scan.fetus.landmarks_mm


def test_utterances_are_heard_when_the_truth_says(scan: Scan) -> None:
    sound = np.concatenate([block.samples for block in scan.sound()])
    speech = np.zeros(len(sound), bool)
    spoken = [event for event in scan.events() if "utterance" in event.data]
    assert len(spoken) > 8
    end = 0
    for event in spoken:
        start = event.captured_ns * SAMPLE_RATE_HZ // 1_000_000_000
        assert start >= end, "utterances overlap"
        end = event.data["end_ns"] * SAMPLE_RATE_HZ // 1_000_000_000
        if end > len(sound):
            end = start
            break
        speech[start:end] = True
        edge = SAMPLE_RATE_HZ // 20
        for part in (sound[start : start + edge], sound[end - edge : end]):
            assert np.abs(part).max() > 0.01, event.data["utterance"]
    silence = sound[:end][~speech[:end]]
    assert np.sqrt(np.mean(silence**2)) < 0.006  # the room's noise, and a beep now and then
    assert np.sqrt(np.mean(sound[speech] ** 2)) > 0.05


def test_voices_sound_different_and_belong_to_one_population() -> None:
    usual, unseen = (
        {voice.name: voice for voice in (choose_voice(np.random.default_rng(k), name) for k in range(200))}
        for name in get_args(Population)
    )
    assert not usual.keys() & unseen.keys()
    speeds = [{choose_voice(np.random.default_rng(k), name).speed for k in range(200)} for name in get_args(Population)]
    assert min(speeds[0]) > max(speeds[1])
    sounds = {speak("a", Voice(name, 150, 50)).tobytes() for name in usual | unseen}
    assert len(sounds) == len(usual) + len(unseen) > 25


def test_gaze_rests_on_the_structures_of_the_plane(scan: Scan) -> None:
    path, near, total, valid = scan.path(), 0, 0, 0
    samples = list(scan.gaze())
    for sample in samples:
        valid += sample.valid
        time_s = sample.captured_ns / 1e9
        moment, sought = path.at(time_s), path.visit_at(time_s).plane
        if not sample.valid or scan.label(moment) != sought.name:
            continue
        view = scan.screen.viewport(moment.view)
        places = [view.to_px(*moment.pose.to_probe_mm(scan.fetus.landmarks_mm[s])[:2]) for s in sought.structures]
        distance_px = min(np.hypot(x - sample.x_px, y - sample.y_px) for x, y in places)
        near += distance_px < 6.0 * view.px_per_mm
        total += 1
    assert total > 1000
    assert near / total > 0.7
    assert 0.9 < valid / len(samples) < 1.0
