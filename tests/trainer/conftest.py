"""Small worlds in which something true can be learned: drawn bars are planes, spoken words name them."""

from __future__ import annotations

import shutil
import subprocess
import wave
from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import pytest

from assistant.contracts import AudioBlock, DeviceInfo, Frame, GazeSample, StreamItem, TimelineEvent
from assistant.session.writer import SessionHeader, SessionWriter
from tests.trainer.collecting import prepared
from tests.trainer.media import grey_steps, write_video

PLANES = ("abdomen", "femur", "profile", "background")
WORDS = {
    "abdomen": "this is the abdomen with the stomach",
    "femur": "measuring the long thigh bone, the femur",
    "profile": "look at your baby's face and nose",
}
FPS, SECONDS, EPISODE_S = 8, 32, 4
HEIGHT, WIDTH = 96, 128
CROP = (0.0, 0.125, 1.0, 0.875)  # leaves the square in the middle
RATE_HZ = 16_000


def bar_picture(plane: str, rng: np.random.Generator, size: tuple[int, int] = (HEIGHT, WIDTH)):
    """Speckle, and a bar whose direction is the plane, somewhere in the middle; and the bar's centre (x, y)."""
    height, width = size
    image = rng.gamma(2.0, 14.0, size)
    x, y = width / 2 + rng.uniform(-0.22, 0.22) * height, height / 2 + rng.uniform(-0.22, 0.22) * height
    columns, rows = np.meshgrid(np.arange(width) - x, np.arange(height) - y)
    along, across = {
        "abdomen": (columns, rows),
        "femur": (rows, columns),
        "profile": ((columns + rows) / 1.4, (columns - rows) / 1.4),
        "background": (columns * np.inf, rows),
    }[plane]
    with np.errstate(invalid="ignore"):
        image[(np.abs(along) < height / 5) & (np.abs(across) < height / 24)] += 130
    return np.clip(image, 0, 255).astype(np.uint8), x, y


def _spoken(folder: Path) -> dict[str, np.ndarray]:
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed")
    found = {}
    for plane, words in WORDS.items():
        file = folder / f"{plane}.wav"
        subprocess.run(["espeak-ng", "-v", "en", "-s", "150", "-w", file, words], check=True)
        with wave.open(str(file)) as sound:
            samples = np.frombuffer(sound.readframes(sound.getnframes()), np.int16) / np.float32(32768)
            at = np.arange(0, len(samples) - 1, sound.getframerate() / RATE_HZ)
            found[plane] = np.interp(at, np.arange(len(samples)), samples).astype(np.float32)
    return found


def _items(seed: int, spoken: dict[str, np.ndarray]) -> Iterator[StreamItem]:
    rng = np.random.default_rng(seed)
    sound = rng.normal(0, 1e-3, SECONDS * RATE_HZ).astype(np.float32)
    order = [*rng.permutation(PLANES), *rng.permutation(PLANES)]
    planes = [order[i // (EPISODE_S * FPS)] for i in range(SECONDS * FPS)]
    for episode, plane in enumerate(order):
        if plane in spoken:
            start = int((episode * EPISODE_S + 0.4) * RATE_HZ)
            words = spoken[plane][: (EPISODE_S - 1) * RATE_HZ]
            sound[start : start + len(words)] += words
            data = {
                "utterance": WORDS[plane],
                "end_ns": 10**9 + int((start + len(words)) * 1e9 / RATE_HZ),
                "relevant": True,
                "plane": plane,
            }
            yield TimelineEvent(10**9 + int(start * 1e9 / RATE_HZ), "truth", data)
    step = RATE_HZ // FPS
    for i, plane in enumerate(planes):
        now_ns = 10**9 + i * 10**9 // FPS
        image, x, y = bar_picture(plane, rng)
        yield TimelineEvent(now_ns, "truth", {"frame_index": i, "plane": str(plane)})
        yield Frame(i, now_ns, image)
        yield AudioBlock(i * step, now_ns, RATE_HZ, sound[i * step : (i + 1) * step].copy())
        for k in range(4):
            yield GazeSample(now_ns + k * 10**9 // FPS // 4, x + rng.normal(0, 2), y + rng.normal(0, 2))
        yield GazeSample(now_ns, -50.0, 3.0)  # beside the screen
        yield GazeSample(now_ns, float("nan"), float("nan"), valid=False)


def write_session(folder: Path, seed: int, subject: str, clock, spoken: dict[str, np.ndarray]) -> Path:
    """One recorded session of the small world, written by the program's own writer."""
    streams = frozenset({"video", "sound", "gaze", "events"})
    info = DeviceInfo("bars", streams, "phantom", WIDTH, HEIGHT, FPS, RATE_HZ, False, CROP)
    header = SessionHeader(subject, True, "phantom", (info,), {}, None)
    with SessionWriter(folder, header, clock, session_id=f"bars-{seed}") as writer:
        for item in _items(seed, spoken):
            writer.put(item)
    return writer.close()


@pytest.fixture(scope="session")
def draw_bar():
    """``draw_bar(plane, rng, size)``: see ``bar_picture``."""
    return bar_picture


@pytest.fixture(scope="session")
def bar_sessions(tmp_path_factory) -> Path:
    """Six sessions of five subjects: 32 s each of bars, words that name them, and gaze on the bar."""
    from assistant.clock import MonotonicClock

    folder = tmp_path_factory.mktemp("bars")
    spoken = _spoken(tmp_path_factory.mktemp("spoken"))
    for seed in range(6):
        write_session(folder, seed, f"subject-{min(seed, 4)}", MonotonicClock(), spoken)
    return folder


@pytest.fixture(scope="session")
def smoke_config_file() -> Path:
    return Path(__file__).resolve().parents[2] / "trainer" / "configs" / "smoke.toml"


@pytest.fixture(scope="session")
def three_sessions(bar_sessions, tmp_path_factory):
    folder = tmp_path_factory.mktemp("three")
    for number in range(3):
        shutil.copytree(bar_sessions / f"bars-{number}", folder / f"bars-{number}")
    return folder


@pytest.fixture(scope="session")
def on_disk(three_sessions, tmp_path_factory):
    out = tmp_path_factory.mktemp("prepared")
    return prepared(three_sessions, out, processes=1)[0]


@pytest.fixture(scope="session")
def in_memory(three_sessions):
    yield prepared(three_sessions, "memory://bars", processes=2)[0]
    fsspec.filesystem("memory").rm("/bars", recursive=True)


@pytest.fixture(scope="session")
def six_videos(tmp_path_factory):
    """Six videos of 2 s, each of another grey."""
    folder = tmp_path_factory.mktemp("six")
    for number in range(6):
        write_video(folder / f"v{number}.mkv", [image + np.uint8(30 * number) for image in grey_steps(2, 20)])
    return folder
