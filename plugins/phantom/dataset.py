"""Makes a data set: recorded sessions of many subjects, written by the same writer as a live recording.

Each subject is scanned by a process of its own, as many at a time as there are processors. The folder appears under its
name only when all is there: sessions, splits, a card, a gallery and the checksums of all files. The same recipe gives
the same files, byte for byte, on one kind of processor.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

from assistant.child_process import end_with_parent
from assistant.errors import ConfigError, SessionError
from assistant.session.merge import record_unpaced
from assistant.session.writer import SessionHeader, SessionWriter
from plugins.phantom.data_card import session_name, write_card, write_checksums, write_splits
from plugins.phantom.device import Phantom
from plugins.phantom.gallery import save_gallery
from plugins.phantom.narration import require_espeak
from plugins.phantom.settings import ScanSettings, checked

MAX_SUBJECTS = 500
"""Of each population. Those of data set S have the scan seeds from 1000 S on, the unseen ones from 1000 S + 500 on, so
that no two data sets share a subject."""
_BEGAN = datetime(2020, 1, 1, tzinfo=UTC)
"""A rendered scan has no time of day of its own."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a data set follows from.

    Attributes:
        subjects: how many of the usual population, 1 to ``MAX_SUBJECTS``.
        seed: which ones.
        unseen: how many of the unseen population; a fifth of ``subjects``, but at least one, when None.
        scan: all else of each scan; its seed and population are not used.
        lossless: keep every pixel.
    """

    subjects: int
    seed: int
    scan: ScanSettings
    unseen: int | None = None
    lossless: bool = False

    def scans(self) -> list[ScanSettings]:
        """Each subject's settings. Raises ``ConfigError`` when a parameter is impossible."""
        unseen = max(1, self.subjects // 5) if self.unseen is None else self.unseen
        if not 1 <= self.subjects <= MAX_SUBJECTS:
            raise ConfigError(f"subjects must lie between 1 and {MAX_SUBJECTS}, got {self.subjects}")
        if not 0 <= unseen <= MAX_SUBJECTS:
            raise ConfigError(f"unseen subjects must lie between 0 and {MAX_SUBJECTS}, got {unseen}")
        if self.seed < 0:
            raise ConfigError(f"seed must be 0 or more, got {self.seed}")
        first = 2 * MAX_SUBJECTS * self.seed
        usual = [replace(self.scan, seed=first + k, population="usual") for k in range(self.subjects)]
        other = [replace(self.scan, seed=first + MAX_SUBJECTS + k, population="unseen") for k in range(unseen)]
        return [checked(scan) for scan in (*usual, *other)]


def make_dataset(
    out: Path,
    recipe: Recipe,
    *,
    real: Path | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005 - by default nobody listens
) -> None:
    """Write a data set into ``out``, which appears only when all of it is there.

    Args:
        out: the folder to make; must not exist.
        recipe: what the data set follows from.
        real: folder with the published SonoNet examples, for the gallery.
        on_progress: called with the number of complete sessions and of all; with 0 when recording begins.

    Raises:
        ConfigError: a parameter is impossible, or ``out`` exists.
        SourceError: espeak-ng is missing.
        SessionError: writing failed.
    """
    scans = recipe.scans()
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
        _record_all(partial, scans, recipe.lossless, on_progress)
        write_splits(partial, scans)
        save_gallery(partial / "gallery.png", seed=scans[0].seed, real=real)
        write_card(partial, recipe.scan, scans, recipe.seed, lossless=recipe.lossless)
        write_checksums(partial)
        partial.rename(out)
    except OSError as error:
        raise SessionError(
            f"data set '{out}' cannot be written: {error.strerror or error}; nothing was kept"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _record_all(
    folder: Path, scans: Sequence[ScanSettings], lossless: bool, on_progress: Callable[[int, int], None]
) -> None:
    on_progress(0, len(scans))
    workers = min(len(scans), os.cpu_count() or 1)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin_worker) as pool:
        jobs = [pool.submit(record_subject, folder, scan, lossless=lossless) for scan in scans]
        try:
            for done, job in enumerate(as_completed(jobs), start=1):
                job.result()
                on_progress(done, len(scans))
        except BrokenProcessPool as error:
            raise SessionError(
                "a process that records was ended from outside (out of memory?); nothing was kept: "
                "free some memory and make the data set again"
            ) from error
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def record_subject(folder: Path, settings: ScanSettings, *, lossless: bool = False) -> Path:
    """Scan one subject from beginning to end as fast as it goes; returns the session's folder."""
    clock = _StillClock()
    device = Phantom(settings, paced=False)
    info = device.open(clock)
    try:
        name = session_name(settings)
        config = {"phantom": dict(info.notes)}
        header = SessionHeader(name, True, "phantom", (info,), config, None)
        with SessionWriter(folder, header, clock, session_id=name, lossless=lossless, began=_BEGAN) as writer:
            record_unpaced(device, info, writer)
        return writer.path
    finally:
        device.close()


class _StillClock:
    """Time starts at 0 for every session, so that the same seed gives the same times."""

    def now_ns(self) -> int:
        return 0


def _begin_worker() -> None:
    """Each process uses one processor, the pool uses all; and none outlives the command, however that ends."""
    import cv2

    cv2.setNumThreads(1)
    end_with_parent()
