"""A stranger's publisher that takes one item and never comes back: disabled, seen, and nothing else slows."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import av
import pytest

from assistant.config import RunConfig
from assistant.model_contracts import ModelBundle
from assistant.pipeline import start_run
from assistant.session.reader import SessionReader

CLOGGED = """
import threading

let_go, closed = threading.Event(), threading.Event()
taken = []


class Clogged:
    def open(self, session):
        return "takes one and no more"

    def put(self, frame, guidance):
        taken.append(frame.index)
        let_go.wait(60)

    def close(self):
        closed.set()


def create(argument):
    return Clogged()
"""


@pytest.fixture
def clogged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The publisher ``clogged``, installed as a package of its own."""
    folder = tmp_path / "package"
    metadata = folder / "clogged-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: clogged\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[sonocue.publishers]\nclogged = clogged_publisher:create\n")
    (folder / "clogged_publisher.py").write_text(CLOGGED)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(__import__("sys").modules, "clogged_publisher", raising=False)
    module = __import__("clogged_publisher")
    yield module
    module.let_go.set()


def test_a_publisher_that_blocks_is_disabled_and_every_frame_is_captured_guided_or_skipped_and_recorded(
    clogged: ModuleType, tiny_bundle: ModelBundle, data_dir: Path, tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime", reason="the extra 'live' (onnxruntime) is not installed")
    cine = data_dir / "us_video" / "butterfly-ocular-phantom.mp4"
    config = RunConfig(
        source=f"file:{cine}", model=str(tiny_bundle.path), backends=("onnxruntime",), threads=1,
        record=tmp_path / "recordings", publishers=("clogged",), seconds=5,
    )  # fmt: skip
    with av.open(cine) as container:
        times = [float(picture.time or 0.0) for picture in container.decode(video=0)]
    of_the_file = sum(time_s - times[0] < 5 for time_s in times)
    run = start_run(config)
    assert run.wait(60)
    summary = run.summary()
    assert not run.failed
    assert len(clogged.taken) == 1
    assert clogged.closed.wait(10)
    assert summary["faults"] == ["publisher 'clogged' is disabled: it took no more for 2 s"]
    assert summary["captured"] == summary["recorded"] == pytest.approx(of_the_file, abs=2)
    assert summary["lost"] == 0
    assert summary["guided"] + summary["skipped"] == summary["captured"]
    reader = SessionReader(Path(summary["session"]))
    guided_s = [(event.captured_ns - reader.frame_times_ns[0]) / 1e9 for event in reader.timeline("guidance")]
    assert len([at_s for at_s in guided_s if at_s < 2]) > 5, "guidance goes on while it blocks"
    assert len([at_s for at_s in guided_s if at_s > 3]) > 5, "and after it was disabled"
    clogged.let_go.set()
    assert not [thread for thread in threading.enumerate() if "clogged" in thread.name and thread.name[0] == "c"]
