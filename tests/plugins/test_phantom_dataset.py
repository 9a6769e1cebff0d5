"""``sonocue phantom``: data sets are whole or not there at all, and their truth travels with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from assistant.errors import ConfigError, SessionError
from assistant.session.reader import SessionReader
from assistant.session.verify import verify_session
from plugins.phantom.cli import app
from plugins.phantom.dataset import make_dataset, record_subject
from plugins.phantom.machines import choose_console
from plugins.phantom.scan import Scan
from plugins.phantom.settings import ScanSettings

SMALL = {"seconds": 1.0, "width_px": 320, "height_px": 240}


def test_a_data_set_has_a_session_for_each_subject(tmp_path: Path) -> None:
    out = tmp_path / "sessions"
    told: list[int] = []
    make_dataset(out, subjects=2, seed=1, on_progress=told.append, **SMALL)  # type: ignore[arg-type]
    assert told == [0, 1, 2]
    assert sorted(path.name for path in out.iterdir()) == ["phantom-0001000", "phantom-0001001"]
    for path in out.iterdir():
        assert verify_session(path) == []
        reader = SessionReader(path)
        assert reader.header.origin == "phantom"
        seed = int(path.name.removeprefix("phantom-"))
        assert reader.header.sector_crop == choose_console(seed, "usual", 1.0).layout.crop
        assert len(reader.frame_indices) == 30
        assert len(list(reader.gaze())) == 90


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
        ({"subjects": 0}, "subjects must lie between 1 and 1000, got 0"),
        ({"subjects": 1, "seconds": -2.0}, "seconds must be above 0, got -2"),
        ({"subjects": 1, "relevant_share": 1.5}, "relevant must lie between 0 and 1"),
        ({"subjects": 1, "height_px": 10}, "each side of size"),
        ({"subjects": 1, "seed": -1}, "seed must be 0 or more"),
    ],
)
def test_impossible_parameters_leave_nothing(tmp_path: Path, options: dict[str, int | float], says: str) -> None:
    settings: dict[str, int | float] = {"seed": 1, "seconds": 1.0} | options
    with pytest.raises(ConfigError, match=says):
        make_dataset(tmp_path / "out", **settings)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_left_alone(tmp_path: Path) -> None:
    for name, remedy in (("out", "name another"), ("out.partial", "then remove it")):
        folder = tmp_path / name
        folder.mkdir()
        with pytest.raises(ConfigError, match=remedy):
            make_dataset(tmp_path / "out", subjects=1, seed=1, **SMALL)  # type: ignore[arg-type]
        assert list(folder.iterdir()) == []
        folder.rmdir()


def test_a_failure_on_the_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def half_way(done: int) -> None:
        if done == 1:
            raise SessionError("the disk is full")

    monkeypatch.setattr("os.cpu_count", lambda: 1)
    with pytest.raises(SessionError, match="the disk is full"):
        make_dataset(tmp_path / "out", subjects=2, seed=1, on_progress=half_way, **SMALL)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_the_commands(tmp_path: Path) -> None:
    run = CliRunner().invoke(app, ["make", str(tmp_path / "out"), "--subjects", "1", "--seconds", "0.3"])
    assert run.exit_code == 0, run.output
    assert len(list((tmp_path / "out").iterdir())) == 1
    picture = tmp_path / "gallery.png"
    run = CliRunner().invoke(app, ["gallery", str(picture)])
    assert run.exit_code == 0, run.output
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert isinstance(CliRunner().invoke(app, ["gallery", str(tmp_path / "no" / "x.png")]).exception, ConfigError)
