"""The lists beside the image: where two models differ, and the labels and notes. A click seeks. On Qt's main thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QLabel, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from assistant.replay.annotations import Annotations
from assistant.replay.sitting import Difference
from ui.words import display_name

_POSITION = Qt.ItemDataRole.UserRole
_MOST = 2000
"""More lines than this nobody reads; the keys still go to all of them."""


class _Titled(QWidget):
    """A title over a list whose lines have a position."""

    chosen = pyqtSignal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title, self.list = QLabel(self), QListWidget(self)
        self.list.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.list.itemClicked.connect(lambda item: self.chosen.emit(item.data(_POSITION)))
        self.list.itemActivated.connect(lambda item: self.chosen.emit(item.data(_POSITION)))
        self.list.setMinimumHeight(40)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.title)
        column.addWidget(self.list)

    def fill(self, title: str, lines: Sequence[tuple[int, str]]) -> None:
        """Show other lines."""
        self.title.setText(title)
        self.list.setAccessibleName(title)
        self.list.clear()
        for position, text in lines[:_MOST]:
            item = QListWidgetItem(text)
            item.setData(_POSITION, position)
            item.setToolTip(text)
            self.list.addItem(item)


class DifferenceList(_Titled):
    """Where another model decided otherwise."""

    def show_differences(self, found: Sequence[Difference], clock_of: Callable[[int], str]) -> None:
        """One line each: when, what was recorded, what the other says."""
        title = self.tr("{count} differences (D, Shift+D)").format(count=len(found))
        self.fill(
            title,
            [
                (d.start, f"{clock_of(d.start)[:-4]}  {display_name(d.ours)} \u2192 {display_name(d.theirs)}")
                for d in found
            ],
        )


class RemarkList(_Titled):
    """The labels and notes of this session."""

    def show_remarks(self, notes: Annotations, clock_of: Callable[[int], str]) -> None:
        """One line each, in order of time."""
        labels = [(label.start, f"{clock_of(label.start)[:-4]}  {display_name(label.text)}") for label in notes.labels]
        written = [(note.start, f"{clock_of(note.start)[:-4]}  \u201c{note.text}\u201d") for note in notes.notes]
        title = self.tr("Labels and notes ({file})").format(file=notes.labels_file.name)
        self.fill(title, sorted(labels + written))
