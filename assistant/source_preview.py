"""Looks at a source for as long as somebody wants to see it, as ``source_check`` does for a moment: for a window.

A thread of its own opens and reads, and keeps the newest image. Nothing is recorded, and nothing that hears is opened.
"""

from __future__ import annotations

import threading

from assistant.clock import MonotonicClock
from assistant.contracts import Clock, Device, DeviceInfo, Frame
from assistant.errors import EndOfStream, SonocueError, SourceError
from assistant.open_sources import create_device

_READ_S = 0.1


class SourcePreview:
    """A look at one source. It begins at once, and ends with ``close``.

    Args:
        source: ``name:argument``.
        clock: the clock; ``MonotonicClock`` when None.
    """

    def __init__(self, source: str, clock: Clock | None = None) -> None:
        self.source = source
        self._clock = clock or MonotonicClock()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._newest: Frame | None = None
        self._info: DeviceInfo | None = None
        self._problem = ""
        self._thread = threading.Thread(target=self._look, name=f"preview {source}", daemon=True)
        self._thread.start()

    @property
    def newest(self) -> Frame | None:
        """The newest image; None before the first. From any thread, at once."""
        with self._lock:
            return self._newest

    @property
    def info(self) -> DeviceInfo | None:
        """What the source turned out to be; None before it is open."""
        with self._lock:
            return self._info

    @property
    def problem(self) -> str:
        """Why there is nothing to see, in one line; empty when all is well."""
        with self._lock:
            return self._problem

    def close(self) -> None:
        """Ask it to end. Idempotent; returns at once."""
        self._closing.set()

    def wait(self, timeout_s: float) -> bool:
        """Wait until the source is closed; False when ``timeout_s`` passed before."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _look(self) -> None:
        device: Device | None = None
        try:
            device = create_device(self.source, paced=True, consent=False)
            info = self._opened(device)
            with self._lock:
                self._info = info
            while not self._closing.is_set():
                item = device.read("video", _READ_S)
                if isinstance(item, Frame):
                    with self._lock:
                        self._newest = item
        except EndOfStream:
            pass  # its last image stays
        except SonocueError as error:
            self._fail(str(error))
        except Exception as error:  # noqa: BLE001 - the worker loop: a stranger's source must not end the window
            self._fail(f"'{self.source}' cannot be looked at: {error!r}")
        finally:
            if device is not None:
                device.close()

    def _opened(self, device: Device) -> DeviceInfo:
        info = device.open(self._clock)
        if "video" not in info.streams:
            raise SourceError(f"source '{self.source}' gives no images")
        if device.needs_consent:  # a stream learns only now that it has sound
            raise SourceError(f"source '{self.source}' has sound: it is opened when everybody agreed")
        return info

    def _fail(self, problem: str) -> None:
        with self._lock:
            self._problem = problem
