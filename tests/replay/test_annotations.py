"""Labels go to the table that the trainer reads, and nothing in it is lost."""

import csv
import hashlib

import numpy as np
import pytest

from assistant.class_list import load_class_list
from assistant.errors import SessionError
from assistant.replay.annotations import Annotations
from assistant.session.reader import SessionReader
from assistant.session.verify import verify_session
from tests.replay.conftest import record

CLASSES = load_class_list()


@pytest.fixture
def session(tmp_path):
    return record(tmp_path / "sessions", 120)


def opened(session, **more):
    return Annotations(SessionReader(session), CLASSES, **more)


def test_a_label_reaches_the_trainer_frame_for_frame_and_leaves_the_session_as_it_was(session):
    from trainer.config import DataConfig
    from trainer.recordings import read_session
    from trainer.sources import find_sources

    before = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in session.iterdir()}
    notes = opened(session)
    notes.label(10, 25, "lips")
    notes.label(25, 26, "RVOT")
    notes.label(119, 120, "kidneys")
    assert {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in session.iterdir()} == before
    assert verify_session(session) == []
    source = next(iter(find_sources(session.parent).sources))
    config = DataConfig(paint_out=False, height_px=32, width_px=64, frames_hz=30)
    read, _ = read_session(session, config, CLASSES, intervals=source.intervals)
    named = [CLASSES.classes[number] for number in read.labels]
    assert len(named) == 120
    assert [i for i, name in enumerate(named) if name == "lips"] == list(range(10, 25))
    assert [i for i, name in enumerate(named) if name == "RVOT"] == [25]
    assert [i for i, name in enumerate(named) if name == "kidneys"] == [119]


def test_a_label_gives_way_to_a_later_one_and_undo_brings_it_back(session):
    notes = opened(session)
    notes.label(0, 100, "abdomen")
    notes.label(40, 60, "femur")
    assert [(x.start, x.stop, x.text) for x in notes.labels] == [
        (0, 40, "abdomen"), (40, 60, "femur"), (60, 100, "abdomen"),
    ]  # fmt: skip
    assert [(x.start, x.stop) for x in opened(session).labels] == [(0, 40), (40, 60), (60, 100)]
    notes.erase(50, 51)
    assert notes.label_at(50) == ""
    assert notes.label_at(51) == "femur"
    notes.note(5, 6, "  oblique,\n a little ")
    assert [note.text for note in opened(session).notes] == ["oblique, a little"]
    for _ in range(4):
        assert notes.undo()
    assert not notes.undo()
    again = opened(session)
    assert (again.labels, again.notes) == ((), ())


def test_lines_that_do_not_fit_are_told_and_stay(session):
    table = session.parent / "labels.csv"
    lines = [
        "file,start_s,end_s,plane,who",
        "scan,0.5,1.0,femur,anna",
        "scan,0.9,1.1,lips,anna",
        "scan,1.2,1.5,left elbow,anna",
        "scan,90,95,femur,anna",
        "scan,2.5,2.0,femur,anna",
        "other,0,9,abdomen,ben",
    ]
    table.write_text("\n".join(lines) + "\n")
    notes = opened(session)
    assert [(misfit.line, misfit.why) for misfit in notes.misfits] == [
        (3, "overlap"), (4, "plane"), (5, "range"), (6, "times"),
    ]  # fmt: skip
    assert notes.others == 1
    notes.label(60, 90, "profile")
    with table.open() as stream:
        kept = list(csv.DictReader(stream))
    assert [row["plane"] for row in kept] == ["femur", "lips", "left elbow", "femur", "femur", "abdomen", "profile"]
    assert [row["who"] for row in kept] == ["anna"] * 5 + ["ben", ""]


@pytest.mark.parametrize("text", ["plane;from\nx;1\n", "", b"\xff\xfe\x00".decode("latin-1")])
def test_a_table_that_is_none_is_told_never_overwritten_and_the_label_is_kept(session, text):
    table = session.parent / "labels.csv"
    table.write_text(text, encoding="latin-1")
    before = table.read_bytes()
    notes = opened(session)
    assert "labels.csv" in notes.unreadable
    with pytest.raises(SessionError, match=r"labels\.csv"):
        notes.label(3, 9, "femur")
    assert table.read_bytes() == before
    assert notes.unsaved
    assert notes.label_at(5) == "femur"
    table.unlink()
    notes.save()
    assert not notes.unsaved
    assert opened(session).label_at(5) == "femur"


def test_what_another_program_wrote_meanwhile_is_kept(session):
    first, second = opened(session), opened(session)
    first.label(0, 10, "femur")
    second.label(50, 60, "lips")
    assert [label.text for label in opened(session).labels] == ["femur", "lips"]


def test_a_plane_that_the_class_list_has_not_is_refused(session):
    with pytest.raises(SessionError, match="left elbow"):
        opened(session).label(0, 1, "left elbow")


def test_labels_of_a_killed_session_follow_its_renaming(tmp_path):
    killed = record(tmp_path, 90, close=False)
    opened(killed).label(0, 10, "femur")
    renamed = killed.rename(tmp_path / "scan")
    notes = opened(renamed)
    assert notes.label_at(5) == "femur"
    notes.label(20, 30, "lips")
    assert {row["file"] for row in csv.DictReader((tmp_path / "labels.csv").open())} == {"scan"}


def test_bounds_lie_between_frames(session):
    notes = opened(session)
    times_s = (np.asarray(SessionReader(session).frame_times_ns) - SessionReader(session).frame_times_ns[0]) * 1e-9
    assert all(times_s[i - 1] < notes.seconds(i) < times_s[i] for i in range(1, 120))
