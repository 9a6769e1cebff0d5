"""A process of ours must not outlive the command that started it, however that ends. Called in each such process."""

from __future__ import annotations

import os
from multiprocessing import parent_process
from threading import Thread


def end_with_parent() -> None:
    """End this process when its parent is gone: else it would wait for work for ever, since its queue never closes."""
    Thread(target=_wait, name="end with parent", daemon=True).start()


def _wait() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
