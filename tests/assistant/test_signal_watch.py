"""What a source shows, on real images: cards of grabbers, frozen images through codecs, and what is neither."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from assistant.contracts import Frame, UInt8Array
from assistant.signal_watch import BLANK_NS, FROZEN_NS, SILENT_NS, Signal, SignalTeller, SignalWatch, card
from plugins.phantom.scan import Scan
from plugins.phantom.settings import parse_settings

S = 1_000_000_000
PERIOD_NS = S // 30
SIZE = (480, 640)


def one_colour(*rgb: int, noise: int = 0) -> UInt8Array:
    picture = np.full((*SIZE, 3), rgb, np.int16)
    picture += np.random.default_rng(0).integers(-noise, noise + 1, picture.shape, np.int16)
    return np.clip(picture, 0, 255).astype(np.uint8)


def blue_with_words() -> UInt8Array:
    picture = one_colour(0, 0, 200)
    cv2.putText(picture, "NO SIGNAL", (150, 240), cv2.FONT_HERSHEY_SIMPLEX, 2.0, (255, 255, 255), 6)
    return picture


def colour_bars(level: int = 191, *, smpte: bool = False) -> UInt8Array:
    colours = [(1, 1, 1), (1, 1, 0), (0, 1, 1), (0, 1, 0), (1, 0, 1), (1, 0, 0), (0, 0, 1)]
    picture = np.zeros((*SIZE, 3), np.uint8)
    for number, colour in enumerate(colours):
        picture[:, number * 640 // 7 : (number + 1) * 640 // 7] = np.array(colour) * level
    if smpte:
        picture[320:] = (0, 33, 76)
        picture[400:, 100:200] = 255
    return picture


CARDS = {
    "black": one_colour(0, 0, 0),
    "limited black": one_colour(16, 16, 16, noise=3),
    "blue": one_colour(0, 0, 255),
    "noisy blue": one_colour(20, 20, 220, noise=4),
    "grey": one_colour(128, 128, 128, noise=2),
    "blue with words": blue_with_words(),
    "EBU bars": colour_bars(),
    "SMPTE bars": colour_bars(smpte=True),
    "grey bars": np.tile(np.repeat(np.arange(8, dtype=np.uint8) * 32, 80), (480, 1)),
}


@pytest.fixture(scope="module")
def screens(data_dir: Path) -> list[UInt8Array]:
    """Real screens of a GE machine, ``(735, 975, 3)``."""
    files = sorted((data_dir / "sononet" / "example_images").glob("*.png"))
    return [np.ascontiguousarray(cv2.imread(str(file))[..., ::-1]) for file in files]


def film(path: Path | io.BytesIO) -> Iterator[tuple[int, UInt8Array]]:
    with av.open(path) as container:
        for picture in container.decode(video=0):
            assert picture.time is not None
            yield round(picture.time * 1e9), picture.to_ndarray(format="rgb24")


def encoded(pictures: list[UInt8Array], codec: str, **options: str) -> io.BytesIO:
    """The pictures at 30 a second, as a lossy codec leaves them."""
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        stream = container.add_stream(codec, rate=30)
        stream.height, stream.width = pictures[0].shape[0] & ~1, pictures[0].shape[1] & ~1
        stream.pix_fmt = "yuv420p"
        stream.codec_context.options = {k: v for k, v in options.items() if k not in ("g", "b")}
        stream.codec_context.gop_size = int(options.get("g", 30))
        if "b" in options:
            stream.codec_context.bit_rate = int(options["b"])
        stream.codec_context.thread_count = 1
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[: stream.height, : stream.width]))
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    file.seek(0)
    return file


def seen(timed: Iterator[tuple[int, UInt8Array]]) -> list[tuple[int, Signal]]:
    watch = SignalWatch(0)
    return [(at_ns, watch.frame(Frame(index, at_ns, picture))) for index, (at_ns, picture) in enumerate(timed)]


def kinds(timed: Iterator[tuple[int, UInt8Array]]) -> set[str]:
    return {signal.kind for _, signal in seen(timed)}


def steady(*parts: tuple[UInt8Array, float]) -> Iterator[tuple[int, UInt8Array]]:
    at_ns = 0
    for picture, seconds in parts:
        for _ in range(round(seconds * 30)):
            yield at_ns, picture.copy()
            at_ns += PERIOD_NS


@pytest.mark.parametrize("name", CARDS)
def test_a_card_is_no_signal_within_half_a_second(name: str, screens: list[UInt8Array]) -> None:
    assert card(CARDS[name])
    signals = seen(steady((screens[0], 0.5), (CARDS[name], 1.0), (screens[1], 0.5)))
    came_ns = 15 * PERIOD_NS
    told_ns = next(at_ns for at_ns, signal in signals if signal.kind == "none")
    assert BLANK_NS - PERIOD_NS < told_ns - came_ns < S // 2
    lost = next(signal for _, signal in signals if signal.kind == "none")
    assert lost.reason and lost.since_ns == came_ns
    assert [signal.kind for at_ns, signal in signals if at_ns >= 45 * PERIOD_NS] == ["live"] * 15


@pytest.mark.parametrize("name", ["blue", "EBU bars", "blue with words"])
def test_a_card_is_one_behind_a_lossy_stream_too(name: str) -> None:
    last = seen(film(encoded([CARDS[name]] * 20, "libx264", preset="ultrafast", crf="28")))[-1][1]
    assert last.kind == "none"


def test_no_real_image_is_a_card(screens: list[UInt8Array], data_dir: Path) -> None:
    files = [*(data_dir / "fetal_planes_db" / "Images").glob("*.png"), *(data_dir / "hc18" / "train").glob("*HC.png")]
    pictures = [np.ascontiguousarray(cv2.imread(str(file))[..., ::-1]) for file in files]
    assert len(pictures) > 40
    for picture in [*screens, *pictures]:
        assert card(picture) == ""
        assert card(np.ascontiguousarray(picture[:, :, 1])) == ""


def test_black_for_a_moment_is_not_told(screens: list[UInt8Array]) -> None:
    assert kinds(steady((screens[0], 0.5), (CARDS["black"], 0.25), (screens[0], 0.5))) == {"live"}


@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("libx264", {"preset": "ultrafast", "tune": "zerolatency", "g": "30"}),
        ("libx264", {"preset": "veryfast", "b": "600000", "g": "30"}),
        ("mpeg2video", {"b": "3000000", "g": "12"}),
    ],
)
def test_a_frozen_image_is_told_through_lossy_codecs_and_ends_with_the_first_other(
    codec: str, options: dict[str, str], screens: list[UInt8Array]
) -> None:
    small = [cv2.resize(screen, (640, 480), interpolation=cv2.INTER_AREA) for screen in screens[:2]]
    signals = seen(film(encoded([small[0]] * 100 + [small[1]] * 10, codec, **options)))
    frozen_ns = next(at_ns for at_ns, signal in signals if signal.kind == "frozen")
    assert FROZEN_NS <= frozen_ns < 2.5 * S
    assert [signal.kind for _, signal in signals[95:110]] == ["frozen"] * 5 + ["live"] * 10


def test_a_clock_on_the_screen_and_a_caliper_do_not_end_a_freeze(screens: list[UInt8Array]) -> None:
    def ticking() -> Iterator[tuple[int, UInt8Array]]:
        for index in range(120):
            picture = screens[0].copy()
            cv2.putText(picture, f"12:34:{index // 30:02d}", (800, 40), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255,) * 3, 1)
            if index > 60:
                cv2.drawMarker(picture, (400 + index, 400), (255, 255, 0), cv2.MARKER_CROSS, 12)
            yield index * PERIOD_NS, picture

    assert [signal.kind for _, signal in seen(ticking())][40:] == ["frozen"] * 80


@pytest.mark.parametrize(
    "name", ["us_video/clarius-ocular-short.mp4", "us_video/butterfly-ocular-phantom.mp4",
             "tal_tongue_speech/day2_see_157.avi", "tal_tongue_speech/day5_seem_058.avi"]
)  # fmt: skip
@pytest.mark.parametrize("repeats", [1, 2])
def test_no_real_cine_is_frozen_or_without_signal(name: str, repeats: int, data_dir: Path) -> None:
    """``repeats=2``: a 60 Hz grabber behind a 30 Hz scanner gives each image twice."""

    def repeated() -> Iterator[tuple[int, UInt8Array]]:
        for number, (at_ns, picture) in enumerate(film(data_dir / name)):
            if number == 150:
                return
            for repeat in range(repeats):
                yield at_ns + repeat * 8_000_000, picture.copy()

    assert kinds(repeated()) == {"live"}


def test_a_slow_scanner_that_repeats_its_images_is_live(data_dir: Path) -> None:
    def slow() -> Iterator[tuple[int, UInt8Array]]:
        pictures = [picture for _, picture in film(data_dir / "us_video" / "clarius-ocular-short.mp4")]
        for index in range(150):
            yield index * PERIOD_NS, pictures[index // 27 * 5].copy()  # each for 0.9 s

    assert kinds(slow()) == {"live"}


@pytest.mark.parametrize("seed", [1, 2])
def test_the_software_scanner_is_live_but_where_its_operator_froze_it(seed: int) -> None:
    frames = []
    for item in Scan(parse_settings(f"{seed},seconds=20,size=320x240")).streams()["video"]:
        assert isinstance(item, Frame)
        frames.append(item)
    watch = SignalWatch(0)
    for frame in frames:
        signal = watch.frame(frame)
        assert signal.kind != "none"
        if signal.kind == "frozen":  # by pixels: nothing moved since then but what was drawn on it
            since = next(other for other in frames if other.captured_ns == signal.since_ns)
            assert (np.abs(frame.pixels.astype(int) - since.pixels) > 8).mean() < 0.02


def test_no_frames_are_no_signal_and_events_tell_from_when_to_when(screens: list[UInt8Array]) -> None:
    told = []
    teller = SignalTeller(0, told.append)
    teller.frame(Frame(0, 100, screens[0].copy()))
    assert teller.nothing(100 + SILENT_NS).kind == "live"
    for after_ns in (1, S, 2 * S):
        signal = teller.nothing(100 + SILENT_NS + after_ns)
        assert (signal.kind, signal.since_ns) == ("none", 100)
    held_back = teller.frame(Frame(1, 100 + PERIOD_NS, screens[0].copy()))
    assert held_back.kind == "none", "a receiver gives its last image of before only with the next one"
    back_ns = 100 + 4 * S
    assert teller.frame(Frame(2, back_ns, screens[1].copy())).kind == "live"
    assert [event.data["event"] for event in told] == ["no signal", "signal back"]
    assert (told[1].data["from_ns"], told[1].data["to_ns"], told[1].data["reason"]) == (100, back_ns, "no images come")


def test_a_source_that_never_gave_an_image_has_no_signal_after_half_a_second() -> None:
    watch = SignalWatch(0)
    assert watch.nothing(SILENT_NS).kind == "live"
    assert watch.nothing(SILENT_NS + 1).kind == "none"
