"""What reads bytes from outside, each with valid inputs and how they are altered.

A target is made once (``seed`` writes valid input into a folder); ``alter`` changes one file of a copy, ``read`` reads
all of it as the program would. It must return, or raise a ``SonocueError``.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from assistant.class_list import load_class_list
from assistant.clock import MonotonicClock
from assistant.config import load_config
from assistant.contracts import (
    Abstention,
    AudioBlock,
    Decision,
    DeviceInfo,
    Frame,
    GazeSample,
    Guidance,
    TimelineEvent,
)
from assistant.errors import EndOfStream, SonocueError
from assistant.mask_layouts import MaskLayouts
from assistant.plugin_loader import load_plugin
from tests.drawn_sequences import shades, write_dicom, write_tracked
from tests.fuzzing.mutations import Rng, of_bytes, of_json, of_lines, of_numbers

DEFECT = re.compile(r"\b\w*(Error|Exception|Iteration)\(")
"""A worker's broad except tells an exception that nobody expected by its repr: a defect too."""


class NotOneLine(Exception):  # noqa: N818 - a finding, not an error of the program
    """What is said about wrong input is no line for people."""


@contextmanager
def refused() -> Iterator[None]:
    """Refusing is well, if it is done in one line."""
    try:
        yield
    except SonocueError as error:
        check_line(str(error))


def check_line(message: str) -> None:
    """Raise ``NotOneLine`` when a message is empty, several lines, endless, or tells a defect."""
    if not message or len(message) > 2000 or len(message.splitlines()) > 1 or DEFECT.search(message):
        raise NotOneLine(message[:500])


REPOSITORY = Path(__file__).resolve().parents[2]
MOST_ITEMS = 500
"""So many items of a stream are read: an altered rate must not make a test long."""


@dataclass(frozen=True)
class Target:
    """See the module."""

    name: str
    seed: Callable[[Path], None]
    alter: Callable[[Path, Rng], None]
    read: Callable[[Path], None]


def _altered(folder: Path, rng: Rng, by: dict[str, Callable[[bytes, Rng], bytes]]) -> Path:
    """One of the files, altered as its kind is, or now and then by bytes."""
    names = sorted(by)
    name = names[int(rng.integers(len(names)))]
    mutate = of_bytes if rng.random() < 0.15 else by[name]
    path = folder / name
    path.write_bytes(mutate(path.read_bytes(), rng))
    return path


# Sessions ------------------------------------------------------------------------------------------------------------


def _seed_session(folder: Path) -> None:
    from assistant.session.writer import SessionHeader, SessionWriter

    info = DeviceInfo("drawn", frozenset(("video", "sound", "gaze")), fps=25.0, sample_rate_hz=8000)
    header = SessionHeader("s", True, "real", (info,), {"seed": 1}, "m@0")
    gaze_map = np.full((3, 4), 1 / 12, np.float32)
    # One that was closed, and one whose writer was killed.
    for name in ("closed", "killed"):
        writer = SessionWriter(folder, header, MonotonicClock(), session_id=name)
        for index in range(10):
            at_ns = 10**9 + index * 40_000_000
            writer.put(Frame(index, at_ns, np.random.default_rng(index).integers(0, 255, (32, 48), np.uint8)))
            writer.put(AudioBlock(index * 320, at_ns, 8000, np.zeros(320, np.float32)))
            writer.put(GazeSample(at_ns, 3.0, 4.0))
            writer.put(TimelineEvent(at_ns, "truth", {"frame_index": index, "plane": "femur"}))
            decision = Decision(None, "femur", 0.4, Abstention.LOW_CONFIDENCE)
            probabilities = np.array([0.4, 0.6], np.float32)
            writer.put(Guidance(index, at_ns, 0, 0, at_ns, probabilities, decision, gaze_map, (0, 0, 32, 48), "m@0"))
        if name == "closed":
            writer.close()
        else:
            shutil.copytree(writer.path, folder / "copied")
            writer.close()
            shutil.rmtree(writer.path)
            (folder / "copied").rename(folder / "killed.partial")


def _alter_session(folder: Path, rng: Rng) -> None:
    session = folder / ("closed" if rng.random() < 0.6 else "killed.partial")
    media = {file.name: of_bytes for file in session.glob("*.mkv")}
    tables = {"frames.csv": of_lines, "sound.csv": of_lines, "timeline.jsonl": of_lines}
    path = _altered(session, rng, {"session.json": of_json, **tables, **media})
    if path.name == "session.json" and rng.random() < 0.9:
        with suppress(ValueError, AttributeError):  # as if whoever altered it had also computed its checksum
            document = json.loads(path.read_bytes())
            document.pop("checksum", None)
            text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
            document["checksum"] = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
            path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", "utf-8", "surrogatepass")


def _read_session(folder: Path) -> None:
    from assistant.session.reader import SessionReader
    from assistant.session.timeline import guidance_of
    from assistant.session.verify import verify_session

    for session in ("closed", "killed.partial"):
        verify_session(folder / session)
        with refused():
            reader = SessionReader(folder / session)
            for whole in (reader.frames, reader.sound, reader.gaze, reader.timeline):
                with refused():
                    for _ in whole() or () if whole != reader.sound else [reader.sound()]:
                        pass
            with refused():
                for event in reader.timeline("guidance"):
                    guidance_of(event)
        with refused():
            _play("session", folder / session)


def _play(kind: str, path: Path) -> None:
    """All that a device gives of a file."""
    with closing(load_plugin("sonocue.sources", kind)(str(path), paced=False)) as device:
        info = device.open(MonotonicClock())
        for stream in sorted(info.streams):
            with suppress(EndOfStream):
                for _ in range(MOST_ITEMS):
                    device.read(stream, 0.1)


# Models --------------------------------------------------------------------------------------------------------------


def _seed_model(folder: Path) -> None:
    from tests.conftest import make_tiny_bundle

    make_tiny_bundle(folder)
    (folder / "tiny.onnx").unlink()


def _alter_model(folder: Path, rng: Rng) -> None:
    model = folder / "tiny"
    kinds = {
        "configs/metadata.json": of_json,
        "golden/golden.npz": of_bytes,
        "models/model.onnx": of_bytes,
        "SHA256SUMS": of_lines,
    }
    path = _altered(model, rng, kinds)
    if path.name != "SHA256SUMS" and rng.random() < 0.95:
        files = sorted(file for file in model.rglob("*") if file.is_file() and file.name != "SHA256SUMS")
        sums = (
            f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(model).as_posix()}\n" for file in files
        )
        (model / "SHA256SUMS").write_text("".join(sums))


def _read_model(folder: Path) -> None:
    from assistant.bundle import read_bundle
    from assistant.network_check import check_network
    from plugins.backends.onnxruntime import create

    bundle = read_bundle(folder / "tiny")
    for precision, file in bundle.onnx.items():
        check_network(file, bundle)
        with closing(create(1)) as engine:
            engine.load(bundle, precision)
            spec = bundle.preprocessing
            engine.infer(np.zeros((1, 1, spec.height_px, spec.width_px), np.float32))


# Settings and tables -------------------------------------------------------------------------------------------------

_RUN_TOML = (
    'source = "file:x.mp4"\nbackends = ["openvino"]\nthreads = 2\nseconds = 3.5\nsubject = "s1"\nmask = "auto"\n'
)
_SCREENS_TOML = '[[screen]]\nname = "a"\nsize_px = [30, 40]\nkeep_px = [[1, 2, 20, 30]]\nhide_px = [[2, 2, 5, 5]]\n'


def _seed_settings(folder: Path) -> None:
    (folder / "run.toml").write_text(_RUN_TOML)
    (folder / "screens.toml").write_text(_SCREENS_TOML)
    for name, source in (
        ("train.toml", "trainer/configs/small.toml"),
        ("classes.toml", "assistant/protocols/sononet13.toml"),
    ):
        shutil.copyfile(REPOSITORY / source, folder / name)


def _read_settings(folder: Path) -> None:
    from trainer.config import load_config as load_training

    for read in (
        lambda: load_config(folder / "run.toml", {}),
        lambda: MaskLayouts(folder / "screens.toml").kept(30, 40),
        lambda: load_training(folder / "train.toml"),
        lambda: load_class_list(str(folder / "classes.toml")),
    ):
        with refused():
            read()


def _seed_tables(folder: Path) -> None:
    (folder / "subjects.csv").write_text("file,subject\na.mkv,S1\nb.mkv,S2\n")
    (folder / "labels.csv").write_text("file,start_s,end_s,plane\na.mkv,0,1.5,femur\nb.mkv,2,3,abdomen\n")
    (folder / "crops.csv").write_text("file,top,left,bottom,right\na.mkv,0,0.1,1,0.9\n*,0.1,0.1,0.9,0.9\n")
    (folder / "a.labels.csv").write_text("start_s,end_s,plane\n0,1.5,femur\n")
    (folder / "a.gaze.csv").write_text("time_s,x_px,y_px,valid\n0.0,12,30.5,1\n0.1,13,31,0\n")


def _read_tables(folder: Path) -> None:
    from trainer.source_tables import read_crops, read_gaze, read_labels, read_own_labels, read_subjects

    names = ("a.mkv", "b.mkv")
    for read in (
        lambda: read_subjects(folder, names),
        lambda: read_labels(folder, names),
        lambda: read_crops(folder, names),
        lambda: read_own_labels(folder / "a.labels.csv"),
        lambda: read_gaze(folder / "a.gaze.csv"),
    ):
        with refused():
            read()


def _seed_stills(folder: Path) -> None:
    (folder / "own").mkdir()
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(folder / "own" / name), np.zeros((32, 32), np.uint8))
    (folder / "own" / "stills.csv").write_text(
        "file,plane,patient,split\na.png,femur,P1,train\nb.png,abdomen,P2,test\n"
    )


def _read_stills(folder: Path) -> None:
    from trainer.still_tables import read_still_table

    read_still_table(folder / "own", load_class_list())


# Media ---------------------------------------------------------------------------------------------------------------


def _film(path: Path | io.BytesIO, form: str, codec: str, *, sound: str = "") -> None:
    with av.open(str(path) if isinstance(path, Path) else path, "w", format=form) as container:
        video: Any = container.add_stream(codec, rate=25)
        video.width, video.height, video.pix_fmt = 48, 32, "yuvj420p" if codec == "mjpeg" else "yuv420p"
        track: Any = container.add_stream(sound, rate=48000, layout="mono") if sound else None
        for index in range(12):
            pixels = np.random.default_rng(index).integers(0, 255, (32, 48, 3), np.uint8)
            picture = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=video.pix_fmt)
            picture.pts = index
            container.mux(video.encode(picture))
            if track is not None:
                block = av.AudioFrame.from_ndarray(np.zeros((1, 1920), np.int16), format="s16", layout="mono")
                block.sample_rate, block.pts = 48000, index * 1920
                container.mux(track.encode(block))
        for stream in (video, track):
            if stream is not None:
                container.mux(stream.encode(None))


def _seed_files(folder: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (40, 52, 3), np.uint8)
    for suffix in (".png", ".jpg", ".bmp", ".tiff"):
        cv2.imwrite(str(folder / f"picture{suffix}"), picture)
    _film(folder / "film.mkv", "matroska", "libx264", sound="pcm_s16le")
    _film(folder / "film.mp4", "mp4", "mpeg4", sound="aac")
    _film(folder / "film.avi", "avi", "mjpeg")
    _film(folder / "film.ts", "mpegts", "mpeg2video", sound="mp2")


def _alter_any(folder: Path, rng: Rng) -> None:
    kept = _altered(folder, rng, {file.name: of_bytes for file in folder.iterdir()})
    for file in folder.iterdir():
        if file != kept:
            file.unlink()


def _read_files(folder: Path) -> None:
    for file in sorted(folder.iterdir()):
        _play("file", file)


def _seed_dicom(folder: Path) -> None:
    write_dicom(folder / "grey.dcm", shades(6, 20, 30))
    write_dicom(folder / "colour.dcm", shades(3, 20, 30, 3), FrameTime=None, FrameTimeVector=[0, 40, 40])


def _read_dicom(folder: Path) -> None:
    for file in sorted(folder.iterdir()):
        _play("dicom", file)


def _seed_tracked(folder: Path) -> None:
    write_tracked(folder / "plain.igs.mha", shades(5, 20, 30), compressed=False)
    write_tracked(folder / "packed.igs.mha", shades(5, 20, 30, 3))


def _alter_tracked(folder: Path, rng: Rng) -> None:
    """Lines of the header, or bytes of all of it."""
    path = sorted(folder.iterdir())[int(rng.integers(2))]
    content = path.read_bytes()
    if rng.random() < 0.7:
        end = content.index(b"LOCAL\n") + 6
        path.write_bytes(of_lines(content[:end], rng) + content[end:])
    else:
        path.write_bytes(of_bytes(content, rng))
    for file in folder.iterdir():
        if file != path:
            file.unlink()


def _read_tracked(folder: Path) -> None:
    for file in sorted(folder.iterdir()):
        _play("tracked", file)


# Streams -------------------------------------------------------------------------------------------------------------


def _seed_stream(folder: Path) -> None:
    for form, codec in (("mpegts", "mpeg2video"), ("matroska", "libx264"), ("nut", "mpeg4")):
        content = io.BytesIO()
        _film(content, form, codec)
        (folder / f"{form}.bytes").write_bytes(content.getvalue())


def _receive(folder: Path, spec: str, greeting: bytes = b"") -> None:
    """Bytes over a real socket to the device that calls for them."""
    (file,) = folder.iterdir()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def send() -> None:
            with suppress(OSError):
                server.settimeout(5)
                with server.accept()[0] as caller:
                    caller.settimeout(5)
                    caller.sendall(greeting + file.read_bytes())

        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        kind, _, argument = spec.format(server.getsockname()[1]).partition(":")
        try:
            with closing(load_plugin("sonocue.sources", kind)(argument, paced=True)) as device:
                info = device.open(MonotonicClock())
                for stream in sorted(info.streams):
                    with suppress(EndOfStream):
                        for _ in range(30):
                            if device.read(stream, 0.05) is None:
                                break
        finally:
            sender.join(6)


def _seed_igtl(folder: Path) -> None:
    from pyigtl.messages import ImageMessage, StringMessage, TransformMessage

    image = ImageMessage(np.zeros((1, 20, 30), np.uint8), device_name="Image", timestamp=5.0)
    pose = TransformMessage(np.eye(4), device_name="Probe", timestamp=5.0)
    words = StringMessage("hello", device_name="Words", timestamp=5.0)
    content = b"".join(message.pack() for message in (image, pose, words, image))
    (folder / "messages.bytes").write_bytes(content)


TARGETS = {
    target.name: target
    for target in (
        Target("session", _seed_session, _alter_session, _read_session),
        Target("model", _seed_model, _alter_model, _read_model),
        Target(
            "settings",
            _seed_settings,
            lambda folder, rng: void(_altered(folder, rng, dict.fromkeys(_names(folder), of_numbers))),
            _read_settings,
        ),
        Target(
            "tables",
            _seed_tables,
            lambda folder, rng: void(_altered(folder, rng, dict.fromkeys(_names(folder), of_lines))),
            _read_tables,
        ),
        Target(
            "stills",
            _seed_stills,
            lambda folder, rng: void(_altered(folder / "own", rng, {"stills.csv": of_lines})),
            _read_stills,
        ),
        Target("file", _seed_files, _alter_any, _read_files),
        Target("dicom", _seed_dicom, _alter_any, _read_dicom),
        Target("tracked", _seed_tracked, _alter_tracked, _read_tracked),
        Target("stream", _seed_stream, _alter_any, lambda folder: _receive(folder, "stream:tcp://127.0.0.1:{}")),
        Target("openigtlink", _seed_igtl, _alter_any, lambda folder: _receive(folder, "openigtlink:127.0.0.1:{}")),
    )
}
"""All of them, by name."""


def void(_value: object) -> None:
    """Drop a result."""


def _names(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]
