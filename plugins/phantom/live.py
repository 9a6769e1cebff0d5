"""Takes the live scan from the process that renders it, so that rendering never holds this process's interpreter lock.

One thread (``phantom-reader``) reads the pipe into a bounded queue for each stream. The pipe and the queue of frames
hold the renderer back: it is about a second ahead. Steered live, it is not ahead at all: each frame is asked for when
the one before it was due, with the commands until then (``render_process.py``), by whichever stream is read first.
Nothing is shared with it but pipes, so that closing, or the death of either process, ends the other.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Generator
from contextlib import suppress
from dataclasses import asdict
from typing import IO

from assistant.contracts import AudioBlock, Frame, GazeSample, StreamItem, StreamKind
from assistant.errors import SourceError
from assistant.steering import SteerCommand
from plugins.phantom.messages import receive
from plugins.phantom.settings import LIVE, ScanSettings
from plugins.phantom.steering import script_line

# How much of each stream waits at most. Frames hold the renderer back; of another stream the oldest are given up.
_CAPACITY: dict[StreamKind, int] = {"video": 30, "sound": 500, "gaze": 900, "events": 500}
_STEERED_CAPACITY = 4
"""Frames that wait at most when steered live: who steers wants the newest, even where somebody reads too slowly."""
_ASK_AGAIN_S = 1.0
_MAX_COMMANDS = 1000
"""That wait for the next frame; of more, the oldest are given up."""
_PIPE_BYTES = 1 << 20
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": str(64 << 20),  # arrays of a frame are made from the heap, not mapped anew each time
    "MALLOC_TRIM_THRESHOLD_": str(256 << 20),
}


class RenderedScan:
    """The streams of a scan that another process renders."""

    def __init__(self, settings: ScanSettings) -> None:
        """Start the process. Raises ``SourceError`` when it cannot be started."""
        command = [sys.executable, "-m", "plugins.phantom.render_process", json.dumps(asdict(settings))]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=1 << 20,
                env=os.environ | _ENVIRONMENT,
            )
        except OSError as error:
            raise SourceError(f"the software scanner's process cannot be started: {error}") from error
        _widen(self._process.stdout)
        self._queues: dict[StreamKind, deque[StreamItem]] = {stream: deque(maxlen=n) for stream, n in _CAPACITY.items()}
        if settings.steer == LIVE:
            self._queues["video"] = deque(maxlen=_STEERED_CAPACITY)
        self._waiting: dict[StreamKind, int] = dict.fromkeys(_CAPACITY, 0)
        self._steered_live = settings.steer == LIVE
        self._asked = False
        self._commands: deque[SteerCommand] = deque(maxlen=_MAX_COMMANDS)
        self._changed = threading.Condition()
        self._closed = False
        self._ended = False
        self._failure = ""
        self._reader = threading.Thread(target=self._read_pipe, name="phantom-reader", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The rendering process."""
        return self._process.pid

    def steer(self, command: SteerCommand) -> None:
        """Sent with the next frame that is asked for. Never blocks; from any thread."""
        self._commands.append(command)

    def items(self, stream: StreamKind) -> Generator[StreamItem, None, None]:
        """The items of one stream as they come; waits for them. Raises ``SourceError`` when the process failed."""
        queue = self._queues[stream]
        while True:
            with self._changed:
                if self._steered_live and not queue and not self._asked:
                    self._ask_for_a_frame()
                self._waiting[stream] += 1
                self._changed.notify_all()
                # Whoever took the truth of a frame before the frame came has not asked for the next one, and perhaps
                # nobody else will: the images may not be read any more.
                waits_s = _ASK_AGAIN_S if self._steered_live else None
                came = self._changed.wait_for(lambda: queue or self._ended or self._closed, waits_s)
                self._waiting[stream] -= 1
                if not came:
                    continue
                if self._closed or not queue:
                    break
                item = queue.popleft()
            yield item
        if self._failure and not self._closed:
            raise SourceError(self._failure)

    def close(self) -> None:
        """End the process and every wait. Idempotent; from any thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._process.kill()
        self._process.wait()
        if self._process.stdin is not None:
            with suppress(OSError):  # what nobody reads any more
                self._process.stdin.close()
        self._reader.join()

    def _ask_for_a_frame(self) -> None:
        """With the lock held. The process then reads: it has sent all that was asked for before."""
        self._asked = True
        lines = []
        while self._commands:
            lines.append(json.dumps(script_line(0.0, self._commands.popleft())) + "\n")
        pipe = self._process.stdin
        assert pipe is not None  # noqa: S101 - it was asked for
        with suppress(OSError, ValueError):  # the process has ended: the reader says why
            pipe.write("".join([*lines, "\n"]).encode())
            pipe.flush()

    def _read_pipe(self) -> None:
        """Runs on the reader thread until the scan or the process ends."""
        failure = ""
        pipe = self._process.stdout
        assert pipe is not None  # noqa: S101 - it was asked for
        with pipe:
            try:
                while (message := receive(pipe)) is not None:
                    if isinstance(message, str):
                        failure = message
                        break
                    self._enqueue(message)
            except (EOFError, pickle.UnpicklingError):
                status = self._process.wait()
                failure = f"the software scanner's process ended (status {status}) before the scan did: start it again"
        with self._changed:
            self._ended, self._failure = True, failure
            self._changed.notify_all()

    def _enqueue(self, item: StreamItem) -> None:
        with self._changed:
            if isinstance(item, Frame):
                self._changed.wait_for(self._may_go_on)
                self._asked = False
            self._queues[_stream_of(item)].append(item)
            self._changed.notify_all()

    def _may_go_on(self) -> bool:
        """There is room for a frame; or somebody waits for another stream, and then the oldest frame is given up."""
        starving = any(self._waiting[stream] and not queue for stream, queue in self._queues.items())
        return self._closed or starving or self._steered_live or len(self._queues["video"]) < _CAPACITY["video"]


def _widen(pipe: IO[bytes] | None) -> None:
    """A pipe holds 64 KiB, so a frame would need twenty turns; where the system can, it takes a whole one."""
    if sys.platform == "linux" and pipe is not None:
        from fcntl import F_SETPIPE_SZ, fcntl

        with suppress(OSError):  # more than an unprivileged user may ask for: then it stays as it is
            fcntl(pipe, F_SETPIPE_SZ, _PIPE_BYTES)


def _stream_of(item: StreamItem) -> StreamKind:
    if isinstance(item, Frame):
        return "video"
    if isinstance(item, AudioBlock):
        return "sound"
    return "gaze" if isinstance(item, GazeSample) else "events"
