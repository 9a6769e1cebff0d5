"""A live run over real images that are frozen, then give way to a grabber's card, and come back."""

from __future__ import annotations

from itertools import chain, repeat
from pathlib import Path

import av
import numpy as np
import pytest

from assistant.config import RunConfig
from assistant.contracts import UInt8Array
from assistant.model_contracts import ModelBundle
from assistant.pipeline import start_run
from assistant.session.reader import SessionReader

EVENTS = ["image frozen", "image live", "no signal", "signal back"]


@pytest.fixture
def scan(data_dir: Path, tmp_path: Path) -> Path:
    """1 s of a real cine, its last image frozen for 2 s, 1 s of blue, and 1 s of the cine; 25 a second."""
    pictures: list[UInt8Array] = []
    with av.open(data_dir / "us_video" / "clarius-ocular-short.mp4") as container:
        pictures += [picture.to_ndarray(format="rgb24") for picture in container.decode(video=0)]
    blue = np.zeros_like(pictures[0])
    blue[:, :, 2] = 220
    file = tmp_path / "scan.mkv"
    with av.open(file, "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast", "crf": "18"})
        stream.height, stream.width, stream.pix_fmt = blue.shape[0] & ~1, blue.shape[1] & ~1, "yuv420p"
        for pixels in chain(pictures[:25], repeat(pictures[24], 50), repeat(blue, 25), pictures[25:50]):
            cut = np.ascontiguousarray(pixels[: stream.height, : stream.width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(cut)))
        container.mux(stream.encode())
    return file


def test_what_the_image_says_stands_in_snapshot_timeline_and_summary(
    scan: Path, tiny_bundle: ModelBundle, tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime", reason="the extra 'live' (onnxruntime) is not installed")
    config = RunConfig(
        source=f"file:{scan}", model=str(tiny_bundle.path), backends=("onnxruntime",), threads=1,
        record=tmp_path / "recordings", watch_screen=False, mask="off",
    )  # fmt: skip
    run = start_run(config)
    seen = []
    while not run.wait(0.01):
        seen.append(run.snapshot())
    summary = run.summary()
    assert not run.failed
    assert summary["faults"] == ["no signal from file: scan.mkv: the image has one colour"]
    assert seen[-1].faults == ()

    reader = SessionReader(Path(summary["session"]))
    times_ns = reader.frame_times_ns
    events = [event for event in reader.timeline("event") if event.data["event"] in EVENTS]
    assert [event.data["event"] for event in events] == EVENTS
    frozen, thawed, lost, back = (event.data for event in events)
    assert frozen["from_ns"] == thawed["from_ns"] == pytest.approx(times_ns[24], abs=45e6)
    assert thawed["to_ns"] == lost["from_ns"] == times_ns[75]
    assert events[2].captured_ns - times_ns[75] <= 500e6, "no signal is said within half a second"
    assert (back["from_ns"], back["to_ns"]) == (times_ns[75], times_ns[100])
    assert "colour" in back["reason"]

    still = [snapshot for snapshot in seen if snapshot.frozen]
    assert any(snapshot.guidance is not None for snapshot in still), "guidance stays bound to the frozen image"
    assert all(snapshot.faults == () for snapshot in still), "it is no fault"
    card = [snapshot for snapshot in seen if snapshot.faults]
    assert card
    assert all(snapshot.guidance is None for snapshot in card)
