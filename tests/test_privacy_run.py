"""A whole run on a real GE screen with a patient's name on it: nothing that leaves the run holds the name."""

from __future__ import annotations

import threading
import time
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from assistant.config import RunConfig
from assistant.contracts import ModelBundle
from assistant.pipeline import start_run
from assistant.session.reader import SessionReader
from assistant.session.verify import verify_session
from tests.loopback import free_port

FPS, EACH = 10, 12
TONE_HZ, RATE_HZ = 440, 16_000


@pytest.fixture(scope="module")
def screens(data_dir: Path) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Two layouts of one size with names, and where these stand."""
    folder = data_dir / "sononet" / "example_images"
    one, other = (cv2.cvtColor(cv2.imread(str(folder / name)), cv2.COLOR_BGR2RGB) for name in ("LIPS.png", "FEMUR.png"))
    moved = np.zeros_like(one)
    moved[300:667] = cv2.resize(other, None, fx=1.0, fy=0.5)[:367]
    pictures, letters = [], []
    for screen, places in ((one, [(90, 20), (90, 45), (600, 25)]), (moved, [(90, 120), (400, 200), (200, 270)])):
        written = screen.copy()
        for at in places:
            cv2.putText(written, "DOE^JANE 1985", at, cv2.FONT_HERSHEY_SIMPLEX, 0.6, (230, 230, 230), 1, cv2.LINE_AA)
        pictures.append(written)
        letters.append((written != screen).any(axis=2))
    return pictures, letters


@pytest.fixture(scope="module")
def film(screens, tmp_path_factory) -> Path:
    """The first layout, then the other, with a tone."""
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    with av.open(str(path), "w") as container:
        video = container.add_stream("ffv1", rate=FPS)
        video.height, video.width = screens[0][0].shape[:2]
        video.pix_fmt = "bgr0"
        sound = container.add_stream("pcm_s16le", rate=RATE_HZ, layout="mono")
        for number in range(2 * EACH):
            picture = av.VideoFrame.from_ndarray(screens[0][number // EACH], format="rgb24").reformat(format="bgr0")
            picture.pts, picture.time_base = number, Fraction(1, FPS)
            container.mux(video.encode(picture))
        count = 2 * EACH * RATE_HZ // FPS
        tone = (9000 * np.sin(2 * np.pi * TONE_HZ * np.arange(count) / RATE_HZ)).astype(np.int16)
        for first in range(0, count, 400):
            block = av.AudioFrame.from_ndarray(tone[None, first : first + 400], format="s16", layout="mono")
            block.sample_rate, block.pts, block.time_base = RATE_HZ, first, Fraction(1, RATE_HZ)
            container.mux(sound.encode(block))
        for stream in (video, sound):
            container.mux(stream.encode(None))
    return path


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


def test_what_is_published_shown_and_saved_as_a_still_holds_no_name(screens, film, tmp_path, tiny_bundle, qtbot):
    pyigtl = pytest.importorskip("pyigtl", reason="the extra 'live' (pyigtl) is not installed")
    from ui.image_view import ImageView
    from ui.stills import save_still

    port = free_port()
    run = start_run(
        RunConfig(
            source=f"file:{film}", model=str(tiny_bundle.path), record=tmp_path, publishers=(f"openigtlink:{port}",)
        )
    )
    client = pyigtl.OpenIGTLinkClient("127.0.0.1", port)
    received, shown = [], {}
    deadline = time.monotonic() + 60
    try:
        while not run.snapshot().ended and time.monotonic() < deadline:
            message = client.wait_for_message("Sonocue", timeout=0.1)
            if message is not None:
                received.append(np.asarray(message.image)[0])
            snapshot = run.snapshot()
            if snapshot.frame is not None:
                shown[snapshot.frame.index // EACH] = snapshot
    finally:
        client.stop()
        run.stop()
        assert run.wait(30)
    assert len(received) >= 3 and set(shown) == {0, 1}
    both = screens[1][0] & screens[1][1]
    assert screens[1][0].sum() > 1000
    for image in received:
        assert min(image[letters].max() for letters in screens[1]) == 0
        assert not image[both].any()
    view = ImageView()
    qtbot.addWidget(view)
    view.resize(975, 735)
    for which, snapshot in shown.items():
        letters = screens[1][which]
        assert not snapshot.frame.pixels[letters].any()
        view.show_snapshot(snapshot)
        view.show_overlays(heatmap=False, overlays=False)
        bare = save_still(view, snapshot, snapshot.frame)
        for file in (bare, bare.with_name(f"{bare.stem}-window.png")):
            picture = cv2.imread(str(file))
            assert picture.shape[:2] == (735, 975)
            assert not picture[letters].any(), file


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
