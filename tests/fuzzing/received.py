"""Targets of the fuzzer: what others wrote or send. Films, DICOM, tracked sequences, streams, OpenIGTLink."""

from __future__ import annotations

import io
import socket
import threading
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from assistant.clock import MonotonicClock
from assistant.errors import EndOfStream
from assistant.plugin_loader import load_plugin
from tests.drawn_sequences import shades, write_dicom, write_tracked
from tests.fuzzing.mutations import Rng, of_bytes, of_lines
from tests.fuzzing.target import altered, play

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


def seed_files(folder: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (40, 52, 3), np.uint8)
    for suffix in (".png", ".jpg", ".bmp", ".tiff"):
        cv2.imwrite(str(folder / f"picture{suffix}"), picture)
    _film(folder / "film.mkv", "matroska", "libx264", sound="pcm_s16le")
    _film(folder / "film.mp4", "mp4", "mpeg4", sound="aac")
    _film(folder / "film.avi", "avi", "mjpeg")
    _film(folder / "film.ts", "mpegts", "mpeg2video", sound="mp2")


def alter_any(folder: Path, rng: Rng) -> None:
    kept = altered(folder, rng, {file.name: of_bytes for file in folder.iterdir()})
    for file in folder.iterdir():
        if file != kept:
            file.unlink()


def read_files(folder: Path) -> None:
    for file in sorted(folder.iterdir()):
        play("file", file)


def seed_dicom(folder: Path) -> None:
    write_dicom(folder / "grey.dcm", shades(6, 20, 30))
    write_dicom(folder / "colour.dcm", shades(3, 20, 30, 3), FrameTime=None, FrameTimeVector=[0, 40, 40])


def read_dicom(folder: Path) -> None:
    for file in sorted(folder.iterdir()):
        play("dicom", file)


def seed_tracked(folder: Path) -> None:
    write_tracked(folder / "plain.igs.mha", shades(5, 20, 30), compressed=False)
    write_tracked(folder / "packed.igs.mha", shades(5, 20, 30, 3))


def alter_tracked(folder: Path, rng: Rng) -> None:
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


def read_tracked(folder: Path) -> None:
    for file in sorted(folder.iterdir()):
        play("tracked", file)


# Streams -------------------------------------------------------------------------------------------------------------


def seed_stream(folder: Path) -> None:
    for form, codec in (("mpegts", "mpeg2video"), ("matroska", "libx264"), ("nut", "mpeg4")):
        content = io.BytesIO()
        _film(content, form, codec)
        (folder / f"{form}.bytes").write_bytes(content.getvalue())


def receive(folder: Path, spec: str, greeting: bytes = b"") -> None:
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


def seed_igtl(folder: Path) -> None:
    from pyigtl.messages import ImageMessage, StringMessage, TransformMessage

    image = ImageMessage(np.zeros((1, 20, 30), np.uint8), device_name="Image", timestamp=5.0)
    pose = TransformMessage(np.eye(4), device_name="Probe", timestamp=5.0)
    words = StringMessage("hello", device_name="Words", timestamp=5.0)
    content = b"".join(message.pack() for message in (image, pose, words, image))
    (folder / "messages.bytes").write_bytes(content)
