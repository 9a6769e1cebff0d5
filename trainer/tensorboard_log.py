"""The figures of each epoch for TensorBoard: an event file in the run's folder; no server, no port, no thread.

``tensorboard --logdir RUN`` (a program of its own, not installed with ours) shows them. tensorboardX codes the records;
its writer is left aside, since it writes in a thread whose failure nobody would notice. Used by the command's only
thread.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from math import isfinite
from pathlib import Path

from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.proto.summary_pb2 import Summary
from tensorboardX.record_writer import RecordWriter

from assistant.errors import TrainingError

FOLDER = "tensorboard"


@contextmanager
def tensorboard_log(folder: Path) -> Iterator[Callable[[Mapping[str, float]], None]]:
    """A function that takes the figures of an epoch, ``epoch`` its number; those that are not finite are left out.

    Of a run that was stopped and begins or goes on here, TensorBoard hides what the folder holds of the first epoch
    that is told and later ones.

    Args:
        folder: of one step of a run.

    Raises:
        TrainingError: the folder cannot be written.
    """
    records: RecordWriter | None = None

    def write(figures: Mapping[str, float]) -> None:
        nonlocal records
        epoch, now_s = int(figures["epoch"]), time.time()
        scalars = [Summary.Value(tag=k, simple_value=v) for k, v in figures.items() if k != "epoch" and isfinite(v)]
        try:
            if records is None:
                folder.mkdir(parents=True, exist_ok=True)
                # TensorBoard knows its files by a part of the name, and reads them in the order of their names.
                file = folder.resolve() / f"events.out.tfevents.{time.time_ns() // 1000}.{os.getpid()}"
                records = RecordWriter(str(file))
                _add(records, Event(wall_time=now_s, file_version="brain.Event:2"))
                began = SessionLog(status=SessionLog.START)
                _add(records, Event(wall_time=now_s, step=epoch, session_log=began))
            _add(records, Event(wall_time=now_s, step=epoch, summary=Summary(value=scalars)))
            records.flush()
        except OSError as error:
            raise TrainingError(f"'{folder}' cannot be written: {error.strerror}: free some space") from error

    try:
        yield write
    finally:
        if records is not None:
            records.close()


def _add(records: RecordWriter, event: Event) -> None:
    records.write(event.SerializeToString())
