"""A replay equals the live run bit for bit where it must, and says how far it agrees where it cannot.

Also what a run adds to its session by deciding: best frames, the checklist's events, and guidance in shadow mode.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from assistant.config import RunConfig
from assistant.decision_log import DecisionLog
from assistant.errors import ConfigError
from assistant.model_contracts import ModelBundle
from assistant.pipeline import start_run
from assistant.session.agreement import ReplayAgreement, guided_frames
from assistant.session.reader import SessionReader
from assistant.session.verify import verify_session
from assistant.snapshot import Snapshot
from tests.trainer.media import write_video

FPS = 30
SECONDS = 3


def picture(index: int) -> np.ndarray:
    """Bright on the left, which the tiny model calls abdomen, with some texture; darker from time to time."""
    rng = np.random.default_rng(index)
    level = np.full((120, 160), 60.0)
    level[:, :70] = 235 if index % 40 < 36 else 90
    level += cv2.GaussianBlur(rng.normal(0, 60, level.shape), (0, 0), 3)
    return np.clip(level, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("openvino", reason="the extra 'live' (openvino) is not installed")
    frames = [picture(index) for index in range(SECONDS * FPS)]
    return write_video(tmp_path_factory.mktemp("video") / "scan.mkv", frames, fps=FPS)


def ran(source: str, bundle: ModelBundle, folder: Path | None, log: Path, **settings: Any) -> Path | None:
    """A run from its beginning to its end; ``log`` gets the decisions. Returns its session."""
    defaults: dict[str, Any] = {"threads": 1, "watch_screen": False, "mask": "off", "model": str(bundle.path)}
    config = RunConfig(source=source, record=folder, **(defaults | settings))
    with DecisionLog(log) as decisions:
        run = start_run(config, on_guidance=decisions)
        assert run.wait(60)
    assert not run.failed, run.summary()["faults"]
    session = run.summary()["session"]
    return None if session is None else Path(session)


def replayed(session: Path, bundle: ModelBundle, log: Path, **settings: Any) -> dict[str, Any]:
    """What the agreement of a replay says; the decisions go to ``log``."""
    defaults: dict[str, Any] = {"threads": 1, "watch_screen": False, "mask": "off", "model": str(bundle.path)}
    config = RunConfig(source=f"session:{session}", record=None, lockstep=True, **(defaults | settings))
    agreement = ReplayAgreement(SessionReader(session), config.model_dump(mode="json"))
    with DecisionLog(log) as decisions:

        def tell(guidance: Any) -> None:
            decisions(guidance)
            agreement(guidance)

        run = start_run(config, on_guidance=tell)
        assert run.wait(60)
    result = agreement.result()
    assert result is not None
    return result


@pytest.mark.parametrize("lockstep", [False, True])
def test_with_lossless_pixels_a_replay_is_the_live_run_bit_for_bit(
    video: Path, tiny_bundle: ModelBundle, tmp_path: Path, lockstep: bool
) -> None:
    session = ran(
        f"file:{video}", tiny_bundle, tmp_path / "s", tmp_path / "live", lossless=True, lockstep=lockstep
    )  # fmt: skip
    assert session is not None
    found = replayed(session, tiny_bundle, tmp_path / "again", as_recorded=True)
    assert (tmp_path / "again").read_bytes() == (tmp_path / "live").read_bytes()
    assert found["bit_for_bit"] and found["same_plane"] == 1.0 and found["differs"] == []
    assert found["frames"] == len(guided_frames(SessionReader(session))) > 0
    if lockstep:
        assert found["frames"] == SECONDS * FPS
    assert "abdomen" in (tmp_path / "live").read_text(), "something was decided"


def test_with_lossy_pixels_the_agreement_is_reported_and_not_claimed(
    video: Path, tiny_bundle: ModelBundle, tmp_path: Path
) -> None:
    session = ran(f"file:{video}", tiny_bundle, tmp_path / "s", tmp_path / "live", lockstep=True)
    assert session is not None
    found = replayed(session, tiny_bundle, tmp_path / "again", threads=2)
    assert not found["bit_for_bit"]
    assert found["identical"] < found["frames"] == SECONDS * FPS
    assert 0 < found["probability_difference_max"] < 0.1
    assert 0.9 < found["same_plane"] <= 1.0
    assert 0.95 < found["gaze_cc_min"] <= found["gaze_cc_mean"] <= 1.0
    assert found["differs"] == ["pixels: recorded with loss", "threads: recorded with 1, replayed with 2"]


def test_a_decision_that_was_altered_is_found(video: Path, tiny_bundle: ModelBundle, tmp_path: Path) -> None:
    session = ran(f"file:{video}", tiny_bundle, tmp_path / "s", tmp_path / "live", lossless=True, lockstep=True)
    assert session is not None
    timeline = session / "timeline.jsonl"
    lines = [json.loads(line) for line in timeline.read_text().splitlines()]
    named = [line for line in lines if line["kind"] == "guidance" and line["plane"] == "abdomen"]
    named[5]["plane"] = "femur"
    timeline.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = replayed(session, tiny_bundle, tmp_path / "again")
    assert not found["bit_for_bit"]
    assert found["identical"] == found["frames"] - 1
    assert found["same_plane"] == pytest.approx(1 - 1 / found["frames"], abs=1e-6)


def test_only_a_replay_can_follow_the_recorded_frames(tiny_bundle: ModelBundle) -> None:
    with pytest.raises(ConfigError, match="as_recorded"):
        start_run(RunConfig(source="phantom:1", model=str(tiny_bundle.path), record=None, as_recorded=True))


def test_a_session_holds_best_frames_and_what_a_person_said(
    video: Path, tiny_bundle: ModelBundle, tmp_path: Path
) -> None:
    checklist = tmp_path / "list.toml"
    checklist.write_text(
        'name = "t"\ntitle = "T"\n[[item]]\nname = "belly"\nplane = "abdomen"\n[[item]]\nname = "fluid"\n'
    )
    config = RunConfig(
        source=f"file:{video}", model=str(tiny_bundle.path), record=tmp_path / "s", threads=1, watch_screen=False,
        mask="off",
        lockstep=True, lossless=True, checklist=str(checklist), dwell_s=0.5,
    )  # fmt: skip
    run = start_run(config, on_guidance=lambda g: run_marks(g.frame_index))

    def run_marks(index: int) -> None:
        if index == 60:
            run.mark("fluid", "not obtainable")
            run.mark("belly", "confirmed")

    assert run.wait(60)
    items = {item.name: item for item in run.snapshot().checklist}
    assert (items["belly"].state, items["fluid"].state) == ("confirmed", "not obtainable")
    assert items["belly"].thumbnail is not None and items["belly"].score is not None
    assert run.summary()["checklist"] == {"belly": "confirmed", "fluid": "not obtainable"}
    session = Path(run.summary()["session"])
    assert verify_session(session) == []

    reader = SessionReader(session)
    events = [event.data for event in reader.timeline("event")]
    said = [(e["item"], e["state"], e["by"]) for e in events if e["event"] == "checklist"]
    assert said == [
        ("belly", "suggested", "program"), ("fluid", "not obtainable", "person"), ("belly", "confirmed", "person"),
    ]  # fmt: skip
    best = [e for e in events if e["event"] == "best frame"][-1]
    still = cv2.imread(str(session / best["file"]), cv2.IMREAD_UNCHANGED)
    (frame,) = [frame for frame in reader.frames() if frame.index == best["frame_index"]]
    np.testing.assert_array_equal(still, frame.pixels)
    confidence = {e.data["frame_index"]: e.data for e in reader.timeline("guidance")}[best["frame_index"]]
    assert (confidence["plane"], confidence["confidence"]) == ("abdomen", best["score"])

    (session / best["file"]).write_bytes(b"another picture")
    assert any("altered" in problem for problem in verify_session(session))


def test_shadow_mode_records_everything_and_shows_nothing(
    video: Path, tiny_bundle: ModelBundle, tmp_path: Path
) -> None:
    seen: list[Snapshot] = []
    config = RunConfig(
        source=f"file:{video}", model=str(tiny_bundle.path), record=tmp_path / "s", threads=1, watch_screen=False,
        mask="off",
        lockstep=True, shadow=True, dwell_s=0.5,
    )  # fmt: skip
    run = start_run(config, on_guidance=lambda _: seen.append(run.snapshot()))
    assert run.wait(60)
    seen.append(run.snapshot())
    assert len(seen) == SECONDS * FPS + 1
    for snapshot in seen:
        assert snapshot.guidance is None and snapshot.guidance_age_ms is None
        assert not any(plane.seconds or plane.seen for plane in snapshot.planes)
        assert all((i.state, i.seconds, i.score, i.thumbnail) == ("open", 0, None, None) for i in snapshot.checklist)
    assert "shadow mode: guidance is recorded and not shown" in run.summary()["notices"]
    assert run.summary()["planes"] == {}
    reader = SessionReader(Path(run.summary()["session"]))
    assert sum(event.data["plane"] == "abdomen" for event in reader.timeline("guidance")) > FPS
    assert any(event.data["event"] == "best frame" for event in reader.timeline("event"))
    with pytest.raises(ConfigError, match="shadow"):
        start_run(config.model_copy(update={"publishers": ("openigtlink:18944",)}))
