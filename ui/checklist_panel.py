"""The checklist with its keys: choosing an item, marking it, taking a mark back. On Qt's main thread.

It keeps which item is chosen and what can be undone; what an item's state is, the run says.
"""

from __future__ import annotations

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from assistant.snapshot import Snapshot
from ui.checklist import Checklist, Mark, Markable, Row, rows_of
from ui.keys import CHECKLIST_ACTIONS, KeyButton
from ui.translation import translate
from ui.words import display_name


class ChecklistPanel(QWidget):
    """The list, and below it a button a key, where the run keeps a checklist.

    Args:
        run: what is marked, when it takes marks.
        parent: the window.
    """

    said = pyqtSignal(str)
    """A remark for the footer."""

    def __init__(self, run: object, parent: QWidget) -> None:
        super().__init__(parent)
        self._run = run if isinstance(run, Markable) else None
        self._list = Checklist(self)
        self._rows: tuple[Row, ...] = ()
        self._named: str | None = None
        self._chosen = 0
        self._marked: list[tuple[str, Mark]] = []
        self._can_mark = False
        self.buttons = {action.name: KeyButton(action, self) for action in CHECKLIST_ACTIONS}
        column, row = QVBoxLayout(self), QHBoxLayout()
        for layout in (column, row):
            layout.setContentsMargins(0, 0, 0, 0)
            layout.setSpacing(0)
        column.addWidget(self._list, 1)
        column.addLayout(row)
        for button in self.buttons.values():
            row.addWidget(button)
            button.hide()
        row.addStretch(1)
        self.buttons["confirm"].clicked.connect(lambda: self._mark("confirmed"))
        self.buttons["not obtainable"].clicked.connect(lambda: self._mark("not obtainable"))
        self.buttons["undo"].clicked.connect(self._undo)
        self._list.chosen_by_mouse.connect(self._choose)

    @property
    def takes_marks(self) -> bool:
        """The run obeys marks, though it may have no checklist yet."""
        return self._run is not None

    def show_snapshot(self, snapshot: Snapshot, named: str | None) -> None:
        """Take over the items, and which plane is ``named`` now."""
        self._rows, self._named = rows_of(snapshot.checklist, snapshot.planes), named
        self._can_mark = self._run is not None and bool(snapshot.checklist)
        self._chosen = min(self._chosen, max(len(self._rows) - 1, 0))
        for button in self.buttons.values():
            button.setVisible(self._can_mark)
        self._show()

    def step(self, way: int) -> None:
        """Choose the next item (1) or the one before (-1); it goes round."""
        if self._can_mark:
            self._choose((self._chosen + way) % len(self._rows))

    def _choose(self, number: int) -> None:
        self._chosen = number
        self._show()

    def _show(self) -> None:
        self._list.show_rows(self._rows, self._named, self._chosen if self._can_mark else None)

    def _mark(self, state: Mark) -> None:
        if self._run is None or not self._can_mark:
            return
        row = self._rows[self._chosen]
        if row.state == state:
            return
        before: Mark = row.state if row.state in ("confirmed", "not obtainable") else "open"
        self._marked.append((row.name, before))
        self._run.mark(row.name, state)
        done = translate("Checklist", "{name}: confirmed. U takes it back.")
        given_up = translate("Checklist", "{name}: not obtainable. U takes it back.")
        self.said.emit((done if state == "confirmed" else given_up).format(name=display_name(row.name)))

    def _undo(self) -> None:
        if self._run is None or not self._can_mark:
            return
        if not self._marked:
            self.said.emit(translate("Checklist", "Nothing to take back"))
            return
        name, before = self._marked.pop()
        self._chosen = next((number for number, row in enumerate(self._rows) if row.name == name), self._chosen)
        self._run.mark(name, before)
        self._show()
        self.said.emit(translate("Checklist", "{name}: mark taken back").format(name=display_name(name)))
