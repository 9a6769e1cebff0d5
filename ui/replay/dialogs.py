"""Questions of the replay window: which plane, what note, which model. On Qt's main thread; each can be left by Esc."""

from __future__ import annotations

from PyQt6.QtCore import QCoreApplication, Qt
from PyQt6.QtGui import QKeyEvent
from PyQt6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QListWidget,
    QVBoxLayout,
    QWidget,
)

from assistant.class_list import ClassList
from assistant.replay.annotations import MAX_NOTE
from ui.words import display_name

translate = QCoreApplication.translate  # the name that pylupdate6 looks for


def dress(dialog: QDialog, parent: QWidget | None) -> None:
    """A dialog looks as its window does; Qt hands colours and letters down to parts of a window only."""
    if parent is not None:
        dialog.setPalette(parent.palette())
        dialog.setFont(parent.font())


class PlaneDialog(QDialog):
    """The planes of the class list: type a part of a name, choose with the arrows, Enter.

    Args:
        class_list: what may be chosen.
        given: the plane that stands there already; or "".
        about: which frames, in words.
    """

    def __init__(self, class_list: ClassList, given: str, about: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        dress(self, parent)
        self.setWindowTitle(self.tr("Label"))
        self._classes = class_list.classes
        self._typed = QLineEdit(self)
        self._typed.setPlaceholderText(self.tr("Type a part of the name"))
        self._typed.setAccessibleName(self.tr("Part of the plane's name"))
        self._list = QListWidget(self)
        self._list.setAccessibleName(self.tr("Planes"))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel, self)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        self._typed.textChanged.connect(self._filter)
        self._list.itemDoubleClicked.connect(self.accept)
        column = QVBoxLayout(self)
        for widget in (QLabel(about, self), self._typed, self._list, buttons):
            column.addWidget(widget)
        self._filter("")
        if given in self._classes:
            self._list.setCurrentRow(self._classes.index(given))
        self._typed.setFocus()
        unit = self.fontMetrics().height()
        self.resize(22 * unit, 24 * unit)

    @property
    def plane(self) -> str:
        """What is chosen; "" when nothing fits what was typed."""
        row = self._list.currentRow()
        return self._fitting[row] if 0 <= row < len(self._fitting) else ""

    def _filter(self, typed: str) -> None:
        self._fitting = [name for name in self._classes if typed.casefold() in name.casefold()]
        self._list.clear()
        self._list.addItems([display_name(name) for name in self._fitting])
        self._list.setCurrentRow(0)

    def keyPressEvent(self, a0: QKeyEvent | None) -> None:
        """The arrows move in the list while the typing goes on."""
        moves = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}
        if a0 is not None and a0.key() in moves and self._fitting:
            row = self._list.currentRow() + moves[Qt.Key(a0.key())]
            self._list.setCurrentRow(min(max(row, 0), len(self._fitting) - 1))
        else:
            super().keyPressEvent(a0)


class NoteDialog(QDialog):
    """One line of text about some frames."""

    def __init__(self, about: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        dress(self, parent)
        self.setWindowTitle(self.tr("Note"))
        self._typed = QLineEdit(self)
        self._typed.setMaxLength(MAX_NOTE)
        self._typed.setAccessibleName(self.tr("Note"))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel, self)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        hint = QLabel(self.tr("No names: notes are stored beside the session."), self)
        for widget in (QLabel(about, self), self._typed, hint, buttons):
            column.addWidget(widget)
        self._typed.setFocus()
        self.resize(34 * self.fontMetrics().height(), self.sizeHint().height())

    @property
    def words(self) -> str:
        return self._typed.text().strip()


def ask_plane(parent: QWidget, class_list: ClassList, given: str, about: str) -> str:
    """A plane of the class list, or "" when the user thinks better of it."""
    dialog = PlaneDialog(class_list, given, about, parent)
    answer = dialog.plane if dialog.exec() == QDialog.DialogCode.Accepted else ""
    dialog.deleteLater()
    return answer


def ask_note(parent: QWidget, about: str) -> str:
    """The words of a note, or ""."""
    dialog = NoteDialog(about, parent)
    answer = dialog.words if dialog.exec() == QDialog.DialogCode.Accepted else ""
    dialog.deleteLater()
    return answer


def ask_model(parent: QWidget) -> str:
    """A model folder, or ""."""
    title = translate("ReplayDialogs", "Folder of the model to run over this session")
    return QFileDialog.getExistingDirectory(parent, title)
