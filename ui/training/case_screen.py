"""The case library: the cases in the trainee's order, which are done, and the one to begin. On Qt's main thread."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QCloseEvent, QKeyEvent
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QListWidget, QPushButton, QVBoxLayout, QWidget

from assistant.teaching.cases import Case, next_case
from ui import theme
from ui.words import elapsed


class CaseScreen(QWidget):
    """Lets a trainee choose a case.

    Args:
        cases: in the order to show them; at least one.
        blinded: without names.

    Attributes:
        chosen: the case; None when none was chosen.
    """

    finished = pyqtSignal()

    def __init__(self, cases: Sequence[Case], *, blinded: bool) -> None:
        super().__init__()
        self.chosen: Case | None = None
        self._cases = tuple(cases)
        self.setWindowTitle(self.tr("Cases"))
        self.setAccessibleName(self.windowTitle())
        self.setStyleSheet(
            f"QWidget {{ background: {theme.GROUND.name()}; color: {theme.TEXT.name()}; font-size: 20px; }}"
            f"QListWidget {{ background: {theme.SURFACE.name()}; border: 2px solid {theme.LINE.name()}; }}"
            f"QListWidget::item {{ padding: 10px; }}"
            f"QListWidget::item:selected {{ background: {theme.INFO_GROUND.name()}; color: {theme.TEXT.name()};"
            f" border-left: 6px solid {theme.ACCENT.name()}; }}"
            f"QPushButton {{ background: {theme.RAISED.name()}; padding: 10px 24px; border: 2px solid transparent; }}"
            f"QPushButton:focus, QListWidget:focus {{ border-color: {theme.ACCENT.name()}; }}"
        )
        done = sum(case.done for case in self._cases)
        heading = QLabel(self.tr("{done} of {all} cases done").format(done=done, all=len(self._cases)), self)
        self.list = QListWidget(self)
        self.list.setAccessibleName(self.tr("Cases"))
        for case in self._cases:
            self.list.addItem(self._line(case, blinded=blinded))
        self.list.setCurrentRow(self._cases.index(next_case(self._cases)))
        self.list.itemActivated.connect(self.choose)
        begin, cancel = QPushButton(self.tr("Begin"), self), QPushButton(self.tr("Cancel"), self)
        begin.clicked.connect(self.choose)
        cancel.clicked.connect(self.close)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(begin)
        buttons.addWidget(cancel)
        column = QVBoxLayout(self)
        column.setContentsMargins(48, 36, 48, 36)
        column.setSpacing(18)
        column.addWidget(heading)
        column.addWidget(self.list, 1)
        column.addLayout(buttons)
        self.list.setFocus()

    def choose(self) -> None:
        """Take the case that is marked."""
        self.chosen = self._cases[self.list.currentRow()]
        self.close()

    def _line(self, case: Case, *, blinded: bool) -> str:
        words = [self.tr("Case {number}").format(number=case.number), elapsed(case.seconds)]
        if not blinded:
            words.append(case.session_id)
            if case.has_gaze:
                words.append(self.tr("with an expert's gaze"))
        words.append(self.tr("done") if case.done else self.tr("not done yet"))
        return "   \N{MIDDLE DOT}   ".join(words)

    def keyPressEvent(self, a0: QKeyEvent | None) -> None:
        """Escape gives up."""
        if a0 is not None and a0.key() == Qt.Key.Key_Escape:
            self.close()
        else:
            super().keyPressEvent(a0)

    def closeEvent(self, a0: QCloseEvent | None) -> None:
        """Closing ends the choice."""
        super().closeEvent(a0)
        self.finished.emit()
