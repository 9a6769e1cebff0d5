"""A disk that is full, a folder that is taken away: the view goes on, the user is told, what was recorded is kept.

Whole runs in processes of their own, on a real small disk.
"""

import json
import shutil
import subprocess

import pytest

from assistant.session.reader import SessionReader
from assistant.session.recover import recover_session
from assistant.session.verify import verify_session
from tests.sonocue_command import finish, start_sonocue, wait_for_frames

SECONDS = 6


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own with 2 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def live(folder, recordings, tiny_bundle):
    return start_sonocue(
        "live", "--source", "phantom:3,size=800x600", "--model", tiny_bundle.path, "--headless", "--json",
        "--record", recordings, "--seconds", SECONDS, folder=folder,
    )  # fmt: skip


def test_a_full_disk_is_said_the_view_goes_on_and_what_was_recorded_is_kept(small_disk, tiny_bundle, tmp_path):
    status, out, err = finish(live(tmp_path, small_disk, tiny_bundle))
    summary = json.loads(out)
    assert status == 1
    assert any("No space left on device" in fault for fault in summary["faults"]), summary["faults"]
    assert "Traceback" not in err and len(err.splitlines()) == 1
    assert summary["captured"] > 0.8 * 30 * SECONDS, "the view went on"
    assert summary["guided"] > summary["recorded"] + 20, "and so did guidance, after the disk was full"
    assert summary["lost"] >= summary["captured"] - summary["recorded"] > 30

    (session,) = small_disk.iterdir()
    frames = list(SessionReader(session).frames())
    assert 0 < len(frames) <= summary["recorded"] and len(frames) > summary["recorded"] - 31
    # With space again, it is completed.
    shutil.copytree(session, tmp_path / session.name)
    if session.name.endswith(".partial"):
        recovered = recover_session(tmp_path / session.name)
        assert len(list(SessionReader(recovered).frames())) == len(frames)
        assert len(verify_session(recovered)) == 1  # that it is not complete


def test_a_folder_that_is_taken_away_is_said_and_the_view_goes_on(tiny_bundle, tmp_path):
    recordings = tmp_path / "recordings"
    process = live(tmp_path, recordings, tiny_bundle)
    wait_for_frames(recordings, 20)
    recordings.rename(tmp_path / "elsewhere")
    status, out, _ = finish(process)
    summary = json.loads(out)
    assert status == 1
    assert any("was removed or renamed" in fault for fault in summary["faults"]), summary["faults"]
    assert summary["captured"] > 0.8 * 30 * SECONDS
    assert summary["guided"] > summary["recorded"] + 20
    (session,) = (tmp_path / "elsewhere").iterdir()
    recovered = recover_session(session)
    assert len(list(SessionReader(recovered).frames())) >= 20
