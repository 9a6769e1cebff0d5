"""Everything that unpaced devices deliver, in order of time: lock-step runs, and recording as fast as possible.

Runs on the caller's thread.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator

from assistant.contracts import Device, DeviceInfo, StreamItem, StreamKind
from assistant.errors import EndOfStream
from assistant.session.writer import SessionWriter

_READ_TIMEOUT_S = 1.0
# Of items with the same time, the frame comes last: what is known about its moment is then known already.
_ORDER: tuple[StreamKind, ...] = ("sound", "gaze", "events", "video")


def merged(device: Device, info: DeviceInfo) -> Iterator[StreamItem]:
    """Yield the items of all streams of an opened, unpaced device in order of ``captured_ns``.

    Raises:
        SourceError: the device failed.
    """
    streams = [_items(device, stream) for stream in _ORDER if stream in info.streams]
    return heapq.merge(*streams, key=lambda item: item.captured_ns)


def record_unpaced(
    device: Device, info: DeviceInfo, writer: SessionWriter, *, on_item: Callable[[StreamItem], None] | None = None
) -> None:
    """Write all that an opened, unpaced device delivers; ``on_item`` sees each item after it was written.

    Raises:
        SourceError: the device failed.
        SessionError: writing failed.
    """
    for item in merged(device, info):
        writer.put(item)
        if on_item is not None:
            on_item(item)


def _items(device: Device, stream: StreamKind) -> Iterator[StreamItem]:
    while True:
        try:
            item = device.read(stream, _READ_TIMEOUT_S)
        except EndOfStream:
            return
        if item is not None:
            yield item
