#!/usr/bin/env python3
"""How fast windows are drawn at random from a prepared collection: from disk, an object store, and other formats.

    PYTHONPATH=. python scripts/draw_benchmark.py [--recordings 24] [--minutes 10]

A collection of noise is written to a temporary folder (128 x 128 frames at 4 Hz, 64 mel bands at 100 Hz), then
batches of 8 recordings x 4 windows are drawn, clip and speech, with the trainer's own functions; files are in the page
cache, so what is measured is the format. The object store is emulated: each request waits ``--latency-ms`` and requests
of one call wait together, as an asynchronous client's do. Zarr is measured where it is installed. Prints a table in
Markdown.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from trainer.config import DataConfig
from trainer.data import clips, speech_of
from trainer.pairs import Windows, batches
from trainer.recordings import Recording
from trainer.store import Facts, describe, fetched, head_bytes, mapped, write_store

CONFIG = DataConfig()


def recording(number: int, minutes: float) -> Recording:
    """Noise, which no codec makes smaller."""
    rng = np.random.default_rng(number)
    n = round(minutes * 60 * CONFIG.frames_hz)
    return Recording(
        session_id=f"r{number}",
        subject=f"s{number}",
        origin="phantom",
        crop=(0.0, 0.0, 1.0, 1.0),
        frames=rng.integers(0, 256, (n, CONFIG.height_px, CONFIG.width_px), np.uint8),
        times_s=np.arange(n) / CONFIG.frames_hz,
        labels=np.full(n, -1),
        gaze_s=np.empty(0),
        gaze_xy=np.empty((0, 2)),
        log_mel=rng.normal(size=(64, round(minutes * 6000))).astype(np.float32),
        log_mel_s=0.0125,
        speech_s=np.empty(0),
        speech=np.empty(0, np.float32),
        utterances=np.empty((0, 3)),
    )


def facts(of: Recording) -> Facts:
    """What the store wants to know beside the arrays."""
    return Facts(
        id=of.session_id,
        subject=of.subject,
        origin="phantom",
        crop=of.crop,
        log_mel_s=of.log_mel_s,
        pixel_sums=(1, 1, 1),
        seconds=float(of.times_s[-1]),
        frames=len(of.frames),
        labelled=0,
        gaze_samples=0,
        speech_s=0.0,
    )


class Distant:
    """A file system whose answers take a while; the ranges of one call travel together."""

    def __init__(self, latency_s: float) -> None:
        self._latency_s = latency_s

    def cat_ranges(self, paths, starts, ends, **_):
        time.sleep(self._latency_s)
        found = []
        for path, start, end in zip(paths, starts, ends, strict=True):
            with open(path, "rb") as stream:  # noqa: PTH123 - as an object store names it
                stream.seek(start)
                found.append(stream.read(end - start))
        return found


def milliseconds(recordings: list[Recording], windows: Windows, rounds: int) -> np.ndarray:
    """Of each batch, without the first."""
    rng, found = np.random.default_rng(0), []
    for _, pairs in zip(range(rounds + 1), batches(windows, 8, 4, rng), strict=False):
        number, centre_s = windows.recording[pairs], windows.centre_s[pairs]
        start = time.perf_counter()
        clips(recordings, number, centre_s, CONFIG)
        speech_of(recordings, number, centre_s, CONFIG)
        found.append(1000 * (time.perf_counter() - start))
    return np.array(found[1:])


def zarr_copies(recordings: list[Recording], folder: Path, *, compressed: bool) -> list[Recording] | None:
    """The same in Zarr 3: a chunk is a second of frames or of spectrogram, a shard a recording."""
    try:
        import zarr
    except ImportError:
        return None
    found = []
    for of in recordings:
        group = zarr.open_group(folder / of.session_id, mode="w", zarr_format=3)
        arrays = {}
        for name, data, step in (("frames", of.frames, 4), ("log_mel", of.log_mel.T, 100)):
            data = np.ascontiguousarray(data)
            array = group.create_array(
                name,
                shape=data.shape,
                dtype=data.dtype,
                chunks=(step, *data.shape[1:]),
                shards=(-(-len(data) // step) * step, *data.shape[1:]),
                compressors="auto" if compressed else None,
            )
            array[:] = data
            arrays[name] = _Rows(array)
        found.append(replace(of, frames=arrays["frames"], log_mel=_Transposed(arrays["log_mel"])))
    return found


class _Rows:
    """A Zarr array as the trainer asks for it: one read from the first to the last row of a window."""

    def __init__(self, array) -> None:
        self._array, self.shape = array, array.shape

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows):
        first, last = int(rows[0]), int(rows[-1]) + 1
        return self._array[first:last][rows - first]


class _Transposed:
    def __init__(self, rows: _Rows) -> None:
        self.T, self.shape = rows, rows.shape[::-1]


def main() -> None:
    """Write, draw, print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--recordings", type=int, default=24)
    arguments.add_argument("--minutes", type=float, default=10.0)
    arguments.add_argument("--batches", type=int, default=100)
    arguments.add_argument("--latency-ms", type=float, default=20.0)
    given = arguments.parse_args()
    in_memory = [recording(number, given.minutes) for number in range(given.recordings)]
    centres = np.arange(2, given.minutes * 60 - 2, CONFIG.window_step_s)
    windows = Windows(np.repeat(np.arange(given.recordings), len(centres)), np.tile(centres, given.recordings))
    with tempfile.TemporaryDirectory(prefix="draws-") as name:
        folder = Path(name)
        mappings, distant, before = [], [], []
        fs = Distant(given.latency_ms / 1000)
        for of in in_memory:
            path = folder / f"{of.session_id}.npz"
            write_store(path, of, facts(of))
            with path.open("rb") as stream:
                entry = describe(stream, path.name)
            mappings.append(mapped(path, entry))
            distant.append(fetched(fs, str(path), entry, path.read_bytes()[: head_bytes(entry)]))
            np.save(folder / f"{of.session_id}.npy", of.frames)
            frames = np.load(folder / f"{of.session_id}.npy", mmap_mode="r")
            before.append(replace(of, frames=frames))  # as it was until now: frames mapped, the spectrogram loaded
        cases = {
            "arrays in memory": in_memory,
            "frames mapped, spectrograms in memory (before)": before,
            "one `.npz` a recording, mapped": mappings,
            f"the same, object store of {given.latency_ms:.0f} ms, joint requests": distant,
            "Zarr 3, a shard a recording, uncompressed": zarr_copies(in_memory, folder / "zarr", compressed=False),
            "Zarr 3, a shard a recording, default codec": zarr_copies(in_memory, folder / "zarrc", compressed=True),
        }
        size_mb = sum(file.stat().st_size for file in folder.glob("*.npz")) / 1e6
        print(f"{given.recordings} recordings of {given.minutes:.0f} min, {size_mb:.0f} MB; batches of 32 windows")
        print(
            f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n\n"
            "| format | ms a batch, median | 95 % |\n|---|---|---|"
        )
        for what, recordings in cases.items():
            if recordings is None:
                print(f"| {what} | not installed | |")
                continue
            times = milliseconds(recordings, windows, given.batches)
            print(f"| {what} | {np.median(times):.2f} | {np.quantile(times, 0.95):.2f} |")


if __name__ == "__main__":
    main()
