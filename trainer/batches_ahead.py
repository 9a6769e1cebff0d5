"""The next batch is made by a thread while the network learns from this one; the order is that of a plain loop.

One thread makes all batches, one after the other, so whatever they draw is drawn in the same order from the same
generator: a run with it ends with the same weights, bit for bit. The generator must not be used elsewhere meanwhile.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")

DEPTH = 2
"""So many are made ahead: one is enough for an even pace, the second evens out a slow read."""
_LOOK_S = 0.1


class _End:
    """There is no more, or making one failed."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class _Maker(Generic[T]):
    def __init__(self, items: Iterable[T]) -> None:
        self._items = items
        self._queue: queue.Queue[T | _End] = queue.Queue(DEPTH)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._make, name="batches-ahead", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[T]:
        while True:
            item = self._queue.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _make(self) -> None:
        end = _End(None)
        try:
            for item in self._items:
                if not self._put(item):
                    return
        except BaseException as error:  # noqa: BLE001 - raised again where the batch is asked for
            end = _End(error)
        self._put(end)

    def _put(self, item: T | _End) -> bool:
        while not self._stopped.is_set():
            try:
                self._queue.put(item, timeout=_LOOK_S)
            except queue.Full:
                continue
            return True
        return False


@contextmanager
def batches_ahead(items: Iterable[T]) -> Iterator[Iterator[T]]:
    """The same items in the same order, made by a thread that ends with the block.

    Args:
        items: a generator that makes them; what it raises is raised where the item is asked for.
    """
    maker = _Maker(items)
    try:
        yield iter(maker)
    finally:
        maker.stop()
