"""A whole run on a real GE screen with a patient's name on it: nothing that leaves the run holds the name."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from assistant.config import RunConfig
from assistant.model_contracts import ModelBundle
from assistant.pipeline import start_run
from assistant.session.reader import SessionReader
from assistant.session.verify import verify_session
from tests.named_screens import EACH, named_screens, write_film


@pytest.fixture(scope="module")
def screens(data_dir: Path) -> tuple[list[np.ndarray], list[np.ndarray]]:
    return named_screens(data_dir)


@pytest.fixture(scope="module")
def film(screens, tmp_path_factory) -> Path:
    return write_film(tmp_path_factory.mktemp("film") / "film.mkv", screens[0])


@pytest.mark.parametrize("lossless", [True, False])
def test_no_recorded_frame_holds_the_name(screens, film, tmp_path, lossless):
    run = start_run(RunConfig(source=f"file:{film}", model=None, record=tmp_path, lossless=lossless, lockstep=True))
    assert run.wait(60) and not run.failed
    reader = SessionReader(Path(run.summary()["session"]))
    assert len(reader) == 2 * EACH
    assert reader.header.sources[0].notes["masked"] == "auto"
    for frame in reader.frames():
        which = frame.index // EACH
        left = frame.pixels[screens[1][which]]
        assert left.max() <= (0 if lossless else 40), frame.index  # what H.264 rings beside echoes; letters are 230
        assert (frame.pixels[450:600, 300:700] > 30).mean() > 0.3, "the image is there"

    again = start_run(RunConfig(source=f"session:{reader.path}", model=None, record=tmp_path / "again", lockstep=True))
    assert again.wait(60)
    second = SessionReader(Path(again.summary()["session"]))
    assert second.header.sources[0].notes["masked"] == "auto", "a masked session is not masked again, and says so"


def wait_until(condition) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)  # the run's own threads move it


def test_muted_sound_is_never_written_and_what_is_forgotten_is_gone(film, tmp_path):
    run = start_run(
        RunConfig(source=f"file:{film}", model=None, record=tmp_path, consent=True, consent_words="All four said yes.")
    )
    wait_until(lambda: run.snapshot().counters.captured >= 6)
    assert run.snapshot().sound.level_dbfs > -30 and not run.snapshot().muted
    run.mute(True)
    run.mute(True)
    wait_until(lambda: run.snapshot().sound.level_dbfs < -80)  # it is not listened to either
    assert run.snapshot().muted
    run.mute(False)
    wait_until(lambda: run.snapshot().counters.captured >= 20)
    assert run.forget(0.4, video=True)
    with pytest.raises(ValueError, match="forget: expected"):
        run.forget(-1)
    assert run.wait(30) and not run.failed
    path = Path(run.summary()["session"])
    assert verify_session(path) == []
    reader = SessionReader(path)
    events = {event.data["event"]: event for event in reader.timeline("event")}
    assert [*events][:1] == ["consent"]
    assert events["consent"].data["words"] == "All four said yes."
    assert str(events["consent"].data["wall_utc"]).startswith("20")
    muted_ns, unmuted_ns = events["muted"].captured_ns, events["unmuted"].captured_ns
    forgotten = events["forgotten"].data
    assert forgotten["frames"] > 0 and forgotten["sound_samples"] > 0
    heard = 0
    for block in reader.sound_blocks():
        loud = bool(np.abs(block.samples).max() > 0.1)
        heard += loud
        if muted_ns <= block.captured_ns < unmuted_ns:
            assert not block.samples.any()
        elif block.captured_ns + block.duration_ns < muted_ns - 100_000_000 or block.captured_ns >= unmuted_ns:
            assert loud
        assert not forgotten["from_ns"] < block.captured_ns < forgotten["to_ns"]
    assert heard > 5
    assert not ((reader.frame_times_ns >= forgotten["from_ns"]) & (reader.frame_times_ns <= forgotten["to_ns"])).any()
    assert 0 < len(reader) <= 2 * EACH - forgotten["frames"], "images that came late are left out too"


def test_nothing_is_forgotten_where_nothing_is_recorded(film):
    run = start_run(RunConfig(source=f"file:{film}", model=None, record=None, seconds=0.2))
    assert not run.forget(1)
    assert run.wait(30)


def test_a_model_does_not_change_whether_replay_equals_live(film, tmp_path, tiny_bundle: ModelBundle):
    """Guidance is made of what is recorded: the masked image."""
    said: list[list[bytes]] = [[], []]
    session = f"file:{film}"
    for record, answers in ((tmp_path, said[0]), (None, said[1])):
        run = start_run(
            RunConfig(source=session, model=str(tiny_bundle.path), record=record, lossless=True, lockstep=True),
            on_guidance=lambda guidance, answers=answers: answers.append(guidance.probabilities.tobytes()),
        )
        assert run.wait(60) and not run.failed
        session = f"session:{run.summary()['session']}"
    assert len(said[0]) == 2 * EACH and said[0] == said[1]
