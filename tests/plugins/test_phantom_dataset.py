"""``sonocue phantom``: data sets are whole or not there at all, and their truth travels with them."""

from __future__ import annotations

import csv
import multiprocessing
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from assistant.errors import ConfigError, SessionError
from assistant.session.reader import SessionReader
from assistant.session.verify import verify_session
from plugins.phantom.cli import app
from plugins.phantom.data_card import split_of
from plugins.phantom.dataset import Recipe, make_dataset, record_subject
from plugins.phantom.machines import choose_console
from plugins.phantom.scan import Scan
from plugins.phantom.settings import Population, ScanSettings

SMALL = ScanSettings(seconds=1.0, width_px=320, height_px=240)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sets") / "first"
    told: list[tuple[int, int]] = []
    make_dataset(out, Recipe(2, 1, SMALL), on_progress=lambda done, total: told.append((done, total)))
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]
    return out


def test_a_data_set_has_a_session_for_each_subject(made: Path) -> None:
    with (made / "splits.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["session"], row["split"]) for row in rows] == [
        ("phantom-0001000", "train"),
        ("phantom-0001001", "train"),
        ("phantom-0001500", "test_unseen"),
    ]
    for row in rows:
        path = made / row["session"]
        assert verify_session(path) == []
        reader = SessionReader(path)
        assert (reader.header.origin, reader.header.subject) == ("phantom", row["subject"])
        population: Population = "unseen" if row["split"] == "test_unseen" else "usual"
        seed = int(path.name.removeprefix("phantom-"))
        assert reader.header.sector_crop == choose_console(seed, population, 1.0).layout.crop
        assert len(reader.frame_indices) == 30
        assert len(list(reader.gaze())) == 90


def test_the_same_recipe_gives_the_same_files(made: Path, tmp_path: Path) -> None:
    make_dataset(tmp_path / "again", Recipe(2, 1, SMALL))
    names = sorted(path.relative_to(made) for path in made.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(tmp_path / "again") for path in tmp_path.rglob("*") if path.is_file())
    assert [n for n in names if (made / n).read_bytes() != (tmp_path / "again" / n).read_bytes()] == []
    assert {str(name) for name in names if len(name.parts) == 1} == {
        "README.md", "SHA256SUMS", "gallery.png", "splits.csv",
    }  # fmt: skip


def test_checksums_tell_a_changed_byte(made: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(made, copy)
    check = ["sha256sum", "--check", "--quiet", "SHA256SUMS"]
    assert subprocess.run(check, cwd=copy, check=False).returncode == 0
    listed = {line.split("  ")[1] for line in (copy / "SHA256SUMS").read_text().splitlines()}
    assert listed == {p.relative_to(copy).as_posix() for p in copy.rglob("*") if p.is_file()} - {"SHA256SUMS"}
    with (copy / "splits.csv").open("a") as file:
        file.write("x")
    assert subprocess.run(check, cwd=copy, check=False, capture_output=True).returncode != 0


def test_a_subject_keeps_its_split_in_a_larger_data_set() -> None:
    small, large = ([split_of(k, scan) for k, scan in enumerate(Recipe(n, 1, SMALL).scans())] for n in (10, 25))
    assert small[:10] == large[:10]
    assert Counter(large) == {"train": 15, "validation": 5, "test": 5, "test_unseen": 5}
    seeds = [scan.seed for seed in (1, 2) for scan in Recipe(500, seed, SMALL, unseen=500).scans()]
    assert len(set(seeds)) == len(seeds)


def test_a_session_holds_what_the_scan_showed_and_said(tmp_path: Path) -> None:
    settings = ScanSettings(6, 1.5, 1.0, 320, 240)
    reader = SessionReader(record_subject(tmp_path, settings, lossless=True))
    scan = Scan(settings)
    for recorded, frame in zip(reader.frames(grey=True), scan.frames(), strict=True):
        np.testing.assert_array_equal(recorded.pixels, frame.pixels)
    truth = list(scan.events())
    assert [event.data for event in reader.timeline("truth")] == [event.data for event in truth]
    sound = reader.sound()
    assert sound is not None
    spoken = np.concatenate([block.samples for block in scan.sound()])
    np.testing.assert_allclose(sound.samples[: len(spoken)], spoken, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"subjects": 0}, "subjects must lie between 1 and 500, got 0"),
        ({"unseen": -1}, "unseen subjects must lie between 0 and 500, got -1"),
        ({"scan": replace(SMALL, seconds=-2.0)}, "seconds must be above 0, got -2"),
        ({"scan": replace(SMALL, relevant_share=1.5)}, "relevant must lie between 0 and 1"),
        ({"scan": replace(SMALL, height_px=10)}, "each side of size"),
        ({"seed": -1}, "seed must be 0 or more"),
    ],
)
def test_impossible_parameters_leave_nothing(tmp_path: Path, options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        make_dataset(tmp_path / "out", replace(Recipe(1, 1, SMALL), **options))
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_left_alone(tmp_path: Path) -> None:
    for name, remedy in (("out", "name another"), ("out.partial", "then remove it")):
        folder = tmp_path / name
        folder.mkdir()
        with pytest.raises(ConfigError, match=remedy):
            make_dataset(tmp_path / "out", Recipe(1, 1, SMALL))
        assert list(folder.iterdir()) == []
        folder.rmdir()


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", disk], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"no small file system can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        command = [Path(sys.executable).parent / "sonocue", "phantom", "make", str(disk / "out")]
        command += ["--subjects", "1", "--seconds", "4"]
        run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert run.returncode == 2, run.stderr
        assert "No space left on device" in run.stderr
        assert "Traceback" not in run.stderr
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_recording_process_that_is_killed_leaves_nothing(tmp_path: Path) -> None:
    def kill_one(done: int, total: int) -> None:
        if done == 1:
            for child in multiprocessing.active_children():
                child.kill()

    with pytest.raises(SessionError, match="ended from outside"):
        make_dataset(tmp_path / "out", Recipe(6, 1, SMALL), on_progress=kill_one)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_command_leaves_no_process_and_nothing_that_looks_whole(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from plugins.phantom.dataset import Recipe, make_dataset\n"
        "from plugins.phantom.settings import ScanSettings\n"
        "if __name__ == '__main__':\n"
        "    make_dataset(Path(sys.argv[1]), Recipe(8, 1, ScanSettings(seconds=600.0)))\n"
    )
    script = tmp_path / "make.py"
    script.write_text(code)
    command = subprocess.Popen([sys.executable, script, tmp_path / "out"], start_new_session=True)
    try:
        partial = tmp_path / "out.partial"
        wait_for(lambda: len(list(partial.glob("*.partial"))) >= 2, "two subjects being recorded")
    finally:
        command.kill()
        command.wait()
    wait_for(lambda: not _alive(command.pid), "the end of the recording processes")
    assert not (tmp_path / "out").exists()


def _alive(session: int) -> list[str]:
    """Processes of a session (Linux) that are no zombies."""
    found = subprocess.run(["ps", "-o", "stat=", "-s", str(session)], capture_output=True, text=True, check=False)
    return [line for line in found.stdout.split() if not line.startswith("Z")]


def wait_for(condition: Callable[[], bool], what: str, timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"no {what} in {timeout_s:g} s"
        time.sleep(0.05)


def test_the_commands(tmp_path: Path, data_dir: Path) -> None:
    out, real = tmp_path / "out", data_dir / "sononet"
    wanted = ["--subjects", "1", "--unseen", "0", "--seconds", "0.3", "--size", "320x240", "--annotations", "none"]
    run = CliRunner().invoke(app, ["make", str(out), *wanted])
    assert run.exit_code == 0, run.output
    assert "1 sessions, 0.00 hours" in run.output
    assert (
        "--subjects 1 --unseen 0 --seed 1 --seconds 0.3 --relevant 0.7 --size 320x240"
        in (out / "README.md").read_text()
    )
    picture = tmp_path / "gallery.png"
    run = CliRunner().invoke(app, ["gallery", str(picture), *(["--real", str(real)] if real.exists() else [])])
    assert run.exit_code == 0, run.output
    assert picture.read_bytes().startswith(b"\x89PNG")
    for wrong in (["--size", "1,2"], ["--size", "big"], ["--annotations", "all"]):
        assert isinstance(CliRunner().invoke(app, ["make", str(tmp_path / "no"), *wrong]).exception, ConfigError)
    assert isinstance(CliRunner().invoke(app, ["gallery", str(tmp_path / "no" / "x.png")]).exception, ConfigError)
