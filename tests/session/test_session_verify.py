"""A changed byte, a shortened or a missing file: each is told, in one line that names the file."""

import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

from assistant.contracts import TimelineEvent
from assistant.errors import SessionError
from assistant.session.cli import app
from assistant.session.reader import SessionReader
from assistant.session.verify import verify_session
from assistant.session.writer import SessionWriter

FILES = ["session.json", "video-000.mkv", "frames.csv", "sound.csv", "timeline.jsonl"]


@pytest.fixture
def session(tmp_path, manual_clock, recording):
    with SessionWriter(tmp_path, recording.header("video", "sound"), manual_clock, session_id="s") as writer:
        for index in range(20):
            writer.put(recording.frame(index))
            writer.put(recording.block(index))
            writer.put(TimelineEvent(index, "truth", {"frame_index": index, "plane": "background"}))
    return tmp_path / "s"


def test_the_fixture_holds_all_kinds_of_files(session):
    assert sorted(path.name for path in session.iterdir()) == sorted(FILES)
    assert verify_session(session) == []


@pytest.mark.parametrize("name", FILES)
def test_any_changed_byte_is_told(session, name):
    original = (session / name).read_bytes()
    places = {0, len(original) - 1, *np.random.default_rng(4).integers(0, len(original), 12).tolist()}
    for place in places:
        changed = bytearray(original)
        changed[place] ^= 1
        (session / name).write_bytes(changed)
        problems = verify_session(session)
        assert problems, f"byte {place} of {len(original)}"
        assert all("\n" not in problem for problem in problems)
        assert any(name in problem for problem in problems)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("keep", [0, 0.5])
def test_a_shortened_file_is_told(session, name, keep):
    content = (session / name).read_bytes()
    (session / name).write_bytes(content[: int(len(content) * keep)])
    assert any(name in problem for problem in verify_session(session))


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_told(session, name):
    (session / name).unlink()
    assert any(name in problem for problem in verify_session(session))


def test_a_file_that_does_not_belong_is_told(session):
    (session / "notes.txt").write_text("do not trust this session")
    assert any("notes.txt" in problem for problem in verify_session(session))


def test_a_shortened_video_is_an_error_not_a_short_session(session):
    video = session / "video-000.mkv"
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    with pytest.raises(SessionError, match=r"video-000\.mkv"):
        list(SessionReader(session).frames())


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": "sonocue-session", "version": 2}', '{"version": 1}'])
def test_a_manifest_that_is_none_is_one_clear_line(session, text):
    (session / "session.json").write_text(text)
    with pytest.raises(SessionError) as error:
        SessionReader(session)
    assert "session.json" in str(error.value) or "version" in str(error.value)
    assert "\n" not in str(error.value)


def test_verify_command(session, tmp_path):
    run = CliRunner().invoke
    fine = run(app, ["verify", str(session)])
    assert (fine.exit_code, fine.output) == (0, f"{session}: ok\n")
    bad = tmp_path / "bad"
    shutil.copytree(session, bad)
    (bad / "sound.csv").unlink()
    for paths in ([bad], [session, bad], [bad, session], [tmp_path / "nowhere"], [tmp_path]):
        found = run(app, ["verify", *map(str, paths)])
        assert found.exit_code == 2
        assert "Traceback" not in found.output
        assert len(found.stderr.splitlines()) == 1


def test_show_command(session):
    shown = CliRunner().invoke(app, ["show", str(session)])
    assert shown.exit_code == 0
    assert "20 frames" in shown.output
    assert "0.50 s at 16000 Hz" in shown.output
    assert "20 truth" in shown.output
