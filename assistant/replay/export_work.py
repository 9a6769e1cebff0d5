"""An export on a thread of its own, for a window that shows how far it is."""

from __future__ import annotations

import threading
from pathlib import Path

from assistant.errors import SonocueError
from assistant.replay.burn_in import Heat
from assistant.replay.export import Cancelled, Wanted, export
from assistant.replay.sitting import Sitting


class ExportWork:
    """Begins at once.

    Attributes:
        progress: share that is done, in [0, 1].
        made: the files, once ``done``.
        problem: why not, in plain words; or "".
        cancelled: it was stopped.
    """

    def __init__(self, sitting: Sitting, folder: str, wanted: Wanted, heat: Heat, background: str) -> None:
        self.folder = Path(folder)
        self.progress = 0.0
        self.made: list[Path] = []
        self.problem = ""
        self.cancelled = False
        self._arguments = sitting, wanted, heat, background
        self._cancelling = threading.Event()
        self._thread = threading.Thread(target=self._run, name="replay export", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        return not self._thread.is_alive()

    def cancel(self) -> None:
        """Stop, and wait until it has."""
        self._cancelling.set()
        self._thread.join()

    def _run(self) -> None:
        sitting, wanted, heat, background = self._arguments
        try:
            while not sitting.recording.index.complete:  # what is not read yet would be missing
                if self._cancelling.wait(0.05):
                    raise Cancelled  # noqa: TRY301 - as where the export itself finds it
            self.made = export(sitting.recording, sitting.notes, self.folder, wanted, heat, background, self._go_on)
        except Cancelled:
            self.cancelled = True
        except SonocueError as error:
            self.problem = str(error)
        except Exception as error:  # noqa: BLE001 - the worker loop: the window says it and stays
            self.problem = f"the export stopped by a defect: {error!r}"

    def _go_on(self, share: float) -> bool:
        self.progress = share
        return not self._cancelling.is_set()
