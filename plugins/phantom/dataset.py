"""Makes a data set: recorded sessions of many subjects, written by the same writer as a live recording.

Each subject is scanned by a process of its own, as many at a time as there are processors.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from assistant.errors import ConfigError, SessionError
from assistant.session.merge import record_unpaced
from assistant.session.writer import SessionHeader, SessionWriter
from plugins.phantom.device import Phantom
from plugins.phantom.narration import require_espeak
from plugins.phantom.settings import ScanSettings, checked

MAX_SUBJECTS = 1000
"""Subjects of a data set; those of seed S have the scan seeds from S * 1000 on, so that data sets share no subject."""


def make_dataset(
    out: Path,
    *,
    subjects: int,
    seed: int,
    seconds: float,
    relevant_share: float = 0.7,
    width_px: int = 800,
    height_px: int = 600,
    lossless: bool = False,
    on_progress: Callable[[int], None] = lambda done: None,  # noqa: ARG005 - by default nobody listens
) -> None:
    """Write a session for each subject into ``out``, which appears only when all are there.

    Args:
        out: the folder to make; must not exist.
        subjects: how many, 1 to ``MAX_SUBJECTS``.
        seed: which ones.
        seconds: length of each scan.
        relevant_share: share of utterances that fit the image.
        width_px: of the screen.
        height_px: of the screen.
        lossless: keep every pixel.
        on_progress: called with the number of complete sessions, with 0 when recording begins.

    Raises:
        ConfigError: a parameter is impossible, or ``out`` exists.
        SourceError: espeak-ng is missing.
        SessionError: writing failed.
    """
    if not 1 <= subjects <= MAX_SUBJECTS:
        raise ConfigError(f"subjects must lie between 1 and {MAX_SUBJECTS}, got {subjects}")
    scans = [
        checked(ScanSettings(seed * MAX_SUBJECTS + k, seconds, relevant_share, width_px, height_px))
        for k in range(subjects)
    ]
    partial = out.with_name(out.name + ".partial")
    for folder, remedy in ((out, "name another"), (partial, "another run makes it, or was cut off: then remove it")):
        if folder.exists():
            raise ConfigError(f"folder '{folder}' exists already: {remedy}")
    require_espeak()
    try:
        partial.mkdir(parents=True)
    except OSError as error:
        raise SessionError(f"folder '{partial}' cannot be made: {error.strerror}") from error
    try:
        _record_all(partial, scans, lossless, on_progress)
        partial.rename(out)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _record_all(folder: Path, scans: list[ScanSettings], lossless: bool, on_progress: Callable[[int], None]) -> None:
    on_progress(0)
    workers = min(len(scans), os.cpu_count() or 1)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_one_thread) as pool:
        jobs = [pool.submit(record_subject, folder, scan, lossless=lossless) for scan in scans]
        try:
            for done, job in enumerate(as_completed(jobs), start=1):
                job.result()
                on_progress(done)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def record_subject(folder: Path, settings: ScanSettings, *, lossless: bool = False) -> Path:
    """Scan one subject from beginning to end as fast as it goes; returns the session's folder."""
    clock = _StillClock()
    device = Phantom(settings, paced=False)
    info = device.open(clock)
    try:
        name = f"phantom-{settings.seed:07d}"
        config = {"phantom": dict(info.notes)}
        header = SessionHeader(name, True, "phantom", (info,), config, None)
        with SessionWriter(folder, header, clock, session_id=name, lossless=lossless) as writer:
            record_unpaced(device, info, writer)
        return writer.path
    finally:
        device.close()


class _StillClock:
    """Time starts at 0 for every session, so that the same seed gives the same times."""

    def now_ns(self) -> int:
        return 0


def _one_thread() -> None:
    """Each process uses one processor; the pool uses all."""
    import cv2

    cv2.setNumThreads(1)
