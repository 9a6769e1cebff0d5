"""A model over many recordings on one machine: decoding and inference overlap, and all processors are busy.

``processors`` threads decode, each a recording of its own, and as many infer, each with an engine on one thread: this
gives the most images a second (a frame has no deadline here), and a single long recording keeps all of them busy too,
since its batches go to whichever is free. A bounded queue lies between, so that memory does not grow with the archive.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from assistant.admission import AdmittedEngine, load_engine
from assistant.errors import BackendError, SonocueError
from assistant.model_contracts import Backend, ModelBundle
from assistant.offline.inputs import Batch, batches
from assistant.offline.rows import Row, rows_of

T = TypeVar("T")

BATCH = 8
"""Frames that go through the network together, where the engine and the model's file take more than one."""

_WAITING_BATCHES = 4  # for each processor
_LOOK_UP_S = 0.1


@dataclass(frozen=True, slots=True)
class Judge:
    """How an archive is judged.

    Attributes:
        bundle: the model.
        backends: engines in the order in which they are tried.
        watch_screen: abstain where the screen shows something else than one B-mode image.
    """

    bundle: ModelBundle
    backends: tuple[str, ...]
    watch_screen: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one recording.

    Attributes:
        file: which.
        rows: of all its frames, in order; empty when it failed.
        failed: why it could not be used, one line; empty when it could.
    """

    file: Path
    rows: Sequence[Row] = ()
    failed: str = ""


Progressed = Callable[[Path, float], None]
"""Called with a recording and the time in it, in seconds, up to which it is done."""


def batch_size(backend: Backend, bundle: ModelBundle) -> int:
    """``BATCH`` when a loaded engine takes so many frames of this model at once, else 1."""
    spec = bundle.preprocessing
    try:
        outputs = backend.infer(np.zeros((BATCH, 1, spec.height_px, spec.width_px), np.float32))
    except BackendError:
        return 1
    return BATCH if len(outputs["logits"]) == BATCH else 1


def load_judge(judge: Judge) -> tuple[AdmittedEngine, int]:
    """An engine for the calling thread, on one processor, and the frames that it takes at once.

    Raises:
        BackendError: no engine runs the model.
    """
    engine = load_engine(judge.bundle, judge.backends, threads=1)
    return engine, batch_size(engine.backend, judge.bundle)


def judge_one(file: Path, judge: Judge, engine: AdmittedEngine, size: int) -> Outcome:
    """One recording from beginning to end on the calling thread, while another thread decodes ahead."""
    waiting: queue.Queue[Batch | BaseException | None] = queue.Queue(_WAITING_BATCHES)
    stopping = threading.Event()

    def decode() -> None:
        try:
            for batch in batches(file, judge.bundle.preprocessing, size, watch_screen=judge.watch_screen):
                if not _put(waiting, batch, stopping):
                    return
            _put(waiting, None, stopping)
        except Exception as error:  # noqa: BLE001 - the worker loop: one bad recording must not end the others
            _put(waiting, error, stopping)

    thread = threading.Thread(target=decode, name="decode", daemon=True)
    thread.start()
    rows: list[Row] = []
    try:
        while (item := waiting.get()) is not None:
            if isinstance(item, BaseException):
                return Outcome(file, failed=reason(item))
            rows.extend(rows_of(item, judge.bundle, engine))
    finally:
        stopping.set()
        thread.join()
    return Outcome(file, rows)


def judge_all(
    files: Sequence[Path], judge: Judge, processors: int, done: Callable[[Outcome], None], progressed: Progressed
) -> None:
    """All recordings, on all processors.

    Args:
        files: which.
        judge: how.
        processors: so many threads decode, and so many infer.
        done: called on the calling thread with each recording as soon as it is done; the order is that of finishing.
        progressed: called on the calling thread as batches are done.

    Raises:
        BackendError: no engine runs the model, or one failed on its way.
        SonocueError: whatever ``done`` raises.
    """
    work = _Work(files, judge, processors)
    threads = [threading.Thread(target=work.infer, name="infer", daemon=True) for _ in range(processors)]
    for thread in threads:
        thread.start()
    try:
        size = work.size()
        decoders = [
            threading.Thread(target=work.decode, args=(size,), name="decode", daemon=True)
            for _ in range(min(processors, len(files)))
        ]
        threads += decoders
        for thread in decoders:
            thread.start()
        _collect(work, len(files), done, progressed)
    finally:
        work.stopping.set()
        for thread in threads:
            thread.join()


def reason(error: BaseException) -> str:
    """An error as one line; a defect of ours says so."""
    text = " ".join(str(error).split())
    return text if isinstance(error, SonocueError | OSError) else f"a defect: {type(error).__name__}: {text}"


@dataclass(slots=True)
class _Parts:
    """What is there of a recording."""

    rows: dict[int, list[Row]] = field(default_factory=dict)
    expected: int | None = None


_Message = tuple[Path, int, list[Row] | str | None]
"""A recording, the number of a batch with its rows; or the count of its batches and None, or why it failed."""


class _Work:
    """What the threads of ``judge_all`` share."""

    def __init__(self, files: Sequence[Path], judge: Judge, processors: int) -> None:
        self.stopping = threading.Event()
        self.said: queue.Queue[_Message | BaseException] = queue.Queue()
        self._judge = judge
        self._files: queue.Queue[Path] = queue.Queue()
        for file in files:
            self._files.put(file)
        self._waiting: queue.Queue[tuple[int, Batch]] = queue.Queue(_WAITING_BATCHES * processors)
        self._sizes: queue.Queue[int | BaseException] = queue.Queue()
        self._processors = processors

    def size(self) -> int:
        """Wait until all engines are loaded: the frames that each of them takes at once."""
        sizes = []
        for _ in range(self._processors):
            size = self._sizes.get()
            if isinstance(size, BaseException):
                raise size
            sizes.append(size)
        return min(sizes)

    def infer(self) -> None:
        """A thread with an engine of its own."""
        try:
            engine, size = load_judge(self._judge)
        except Exception as error:  # noqa: BLE001 - the worker loop: the main thread raises it
            self._sizes.put(error)
            return
        self._sizes.put(size)
        with closing(engine.backend):
            while not self.stopping.is_set():
                try:
                    number, batch = self._waiting.get(timeout=_LOOK_UP_S)
                except queue.Empty:
                    continue
                try:
                    self.said.put((batch.file, number, rows_of(batch, self._judge.bundle, engine)))
                except Exception as error:  # noqa: BLE001 - the worker loop: the main thread raises it
                    self.said.put(error)
                    return

    def decode(self, size: int) -> None:
        """A thread that takes one recording after the other."""
        spec, watch_screen = self._judge.bundle.preprocessing, self._judge.watch_screen
        while not self.stopping.is_set():
            try:
                file = self._files.get_nowait()
            except queue.Empty:
                return
            count = 0
            try:
                for count, batch in enumerate(batches(file, spec, size, watch_screen=watch_screen), start=1):
                    if not _put(self._waiting, (count - 1, batch), self.stopping):
                        return
                self.said.put((file, count, None))
            except Exception as error:  # noqa: BLE001 - the worker loop: one bad recording must not end the others
                self.said.put((file, count, reason(error)))


def _collect(work: _Work, count: int, done: Callable[[Outcome], None], progressed: Progressed) -> None:
    """Put the batches of each recording in order, until all recordings are done or failed."""
    parts: dict[Path, _Parts] = {}
    failed: set[Path] = set()
    finished = 0
    while finished < count:
        said = work.said.get()
        if isinstance(said, BaseException):
            raise said
        file, number, what = said
        if file in failed:
            continue  # a batch that was on its way when the recording failed
        if isinstance(what, str):
            failed.add(file)
            parts.pop(file, None)
            finished += 1
            done(Outcome(file, failed=what))
            continue
        part = parts.setdefault(file, _Parts())
        if what is None:
            part.expected = number
        else:
            part.rows[number] = what
            progressed(file, what[-1]["time_s"])
        if len(part.rows) == part.expected:
            finished += 1
            del parts[file]
            done(Outcome(file, [row for at in sorted(part.rows) for row in part.rows[at]]))


def _put(into: queue.Queue[T], item: T, stopping: threading.Event) -> bool:
    """Wait for room, but not longer than anybody wants the item."""
    while not stopping.is_set():
        try:
            into.put(item, timeout=_LOOK_UP_S)
        except queue.Full:
            continue
        return True
    return False
