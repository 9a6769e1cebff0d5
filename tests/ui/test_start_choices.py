"""What stands behind the start page: words, sources that are typed, what is remembered, previews without a page."""

import os
from collections.abc import Callable

import pytest

from assistant.config import RunConfig
from assistant.errors import SonocueError
from assistant.source_preview import SourcePreview
from ui.remembered import FILE_NAME, Remembered, config_folder, recall, remember
from ui.start_choices import SCANNER, preview_of, run_settings, spec_of
from ui.start_words import how_it_ended, plain_problem

pytestmark = pytest.mark.usefixtures("own_folders")


def test_problems_are_said_in_plain_words():
    assert "--consent" not in plain_problem(SonocueError("'stream:x' hears everybody: add --consent when all agreed"))
    assert plain_problem(SonocueError("the disk is on fire")) == "the disk is on fire"


def test_what_somebody_types_becomes_a_source(tmp_path):
    for name in ("scan.mp4", "scan.DCM", "track.igs.mha"):
        (tmp_path / name).touch()
    assert spec_of(f" {tmp_path / 'scan.mp4'} ") == f"file:{tmp_path / 'scan.mp4'}"
    assert spec_of(str(tmp_path / "scan.DCM")).startswith("dicom:")
    assert spec_of(str(tmp_path / "track.igs.mha")).startswith("tracked:")
    assert spec_of(str(tmp_path)) == f"session:{tmp_path}"
    assert spec_of("rtsp://host/live") == "stream:rtsp://host/live"
    assert spec_of("phantom:7") == "phantom:7"
    assert preview_of("stream:rtsp://host/live") is None, "nothing is opened to be looked at from outside"


@pytest.mark.parametrize(
    "source",
    ["file:/scans/Mary Tanaka.mp4", "session:recordings/x", "stream:rtsp://doctor:secret@host/live", "dicom:x"],
)
def test_names_of_files_and_passwords_are_not_kept(source):
    remember(Remembered(source=source))
    assert recall().source == ""


def test_odd_words_are_kept_as_they_are():
    odd = Remembered(source="screen:800x600+1+2", microphone='sounddevice:Mikro "Ä" \\ \n\t€😀', model="C:\\models")
    remember(odd)
    assert recall() == odd


@pytest.mark.parametrize(
    "content", [b"source = ", b"\xff\xfe", b"source = 7\nnew = 'x'\n", b"x" * 20_000, b"[source]\na=1"]
)
def test_a_file_that_is_damaged_or_newer_is_no_obstacle(content):
    folder = config_folder()
    folder.mkdir(parents=True)
    (folder / FILE_NAME).write_bytes(content)
    assert recall() == Remembered()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_no_obstacle(tmp_path):
    (tmp_path / "config").mkdir(mode=0o500)
    remember(Remembered(heatmap="off"))
    assert recall() == Remembered()


def test_a_folder_that_is_a_file_is_no_obstacle(tmp_path):
    (tmp_path / "config").write_text("a file")
    remember(Remembered(heatmap="off"))
    assert recall() == Remembered()


def test_how_a_run_ended_is_said():
    usual = {"faults": [], "session": "recordings/x", "recorded": 1200, "lost": 0}
    assert how_it_ended(usual)[1] == "info"
    assert "recordings/x" in how_it_ended(usual)[0]
    words, severity = how_it_ended(usual | {"faults": ["video stopped: the cable"]})
    assert severity == "caution"
    assert "the cable" in words
    assert "nothing was recorded" in how_it_ended(usual | {"session": None})[0]


def test_a_preview_opens_nothing_that_hears(sound_server):
    look = SourcePreview("sounddevice:")
    assert look.wait(10.0)
    assert "--consent" in look.problem
    assert look.newest is None


@pytest.mark.parametrize(("source", "words"), [("nonsense:1", "no source is called"), ("file:none.mp4", "none.mp4")])
def test_a_preview_says_why_there_is_none(source, words):
    look = SourcePreview(source)
    assert look.wait(10.0)
    assert words in look.problem


def test_settings_that_a_run_refuses_are_refused_here():
    wrong: Callable[..., RunConfig] = lambda **changes: run_settings(  # noqa: E731 - one default for each word
        **{
            "source": SCANNER, "model": "", "checklist": "", "microphone": "", "consent": False, "subject": "",
            "record": "", "heatmap": "always", "language": "", **changes,
        }
    )  # fmt: skip
    assert wrong().model is None
    assert wrong().subject == "unnamed"
    for change in ({"heatmap": "sometimes"}, {"language": "xx"}, {"subject": "a b"}):
        with pytest.raises(SonocueError):
            wrong(**change)
