"""What to export and where to; then how far it is, and a way to stop it. On Qt's main thread."""

from __future__ import annotations

from PyQt6.QtCore import QCoreApplication, QTimer
from PyQt6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from assistant.errors import SessionError
from assistant.replay.export import Wanted, save_stills
from assistant.replay.export_work import ExportWork
from assistant.replay.sitting import Sitting
from ui.colormap import heat_picture
from ui.replay.dialogs import dress

_LOOK_MS = 100

translate = QCoreApplication.translate  # the name that pylupdate6 looks for


def save_still(sitting: Sitting, position: int) -> str:
    """Save a frame, bare and annotated, beside the session; returns what became of it."""
    folder = sitting.recording.reader.path.resolve().parent / "stills"
    try:
        bare, _ = save_stills(sitting.recording, sitting.notes, folder, position, heat_picture)
    except SessionError as error:
        return translate("ReplayWindow", "Not saved: {why}").format(why=error)
    return translate("ReplayWindow", "Saved {file}").format(file=bare)


class ExportDialog(QDialog):
    """Video, stills and table of a range.

    Args:
        sitting: the replay.
        background: the class that means no standard plane.
        start: position of the first frame.
        stop: one past the last.
        about: the range in words.
        parent: the window.

    Attributes:
        message: what became of it, for the window's footer.
    """

    def __init__(
        self, sitting: Sitting, background: str, start: int, stop: int, about: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        dress(self, parent)
        self.setWindowTitle(self.tr("Export"))
        self.message = ""
        self._sitting, self._background, self._start, self._stop = sitting, background, start, stop
        self._work: ExportWork | None = None
        self._video = QCheckBox(self.tr("Video (MP4) with guidance, gaze map and the research-use mark"), self)
        self._stills = QCheckBox(self.tr("Stills (PNG): the surest frame of each plane, bare and annotated"), self)
        self._table = QCheckBox(self.tr("Table of decisions (CSV): one line a frame"), self)
        for box in (self._video, self._stills, self._table):
            box.setChecked(True)
        default = sitting.recording.reader.path.resolve().parent / "exports"
        self._folder = QLineEdit(str(default), self)
        self._folder.setAccessibleName(self.tr("Folder to export to"))
        choose = QPushButton(self.tr("Choose..."), self)
        choose.clicked.connect(self._choose)
        row = QHBoxLayout()
        row.addWidget(self._folder, 1)
        row.addWidget(choose)
        self._bar = QProgressBar(self)
        self._bar.setRange(0, 1000)
        self._bar.setAccessibleName(self.tr("Progress"))
        self._said = QLabel(self.tr("The files show a person: keep them as the session is kept."), self)
        self._said.setWordWrap(True)
        self._buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, self)
        begin = QPushButton(self.tr("Export"), self)
        begin.setDefault(True)
        self._buttons.addButton(begin, QDialogButtonBox.ButtonRole.ActionRole)
        begin.clicked.connect(self._begin)
        self._begin_button = begin
        self._buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addWidget(QLabel(about, self))
        for box in (self._video, self._stills, self._table):
            column.addWidget(box)
        column.addLayout(row)
        column.addWidget(self._bar)
        column.addWidget(self._said)
        column.addWidget(self._buttons)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._look)
        self.resize(38 * self.fontMetrics().height(), self.sizeHint().height())

    def reject(self) -> None:
        """Stop what is under way; nothing half-written stays."""
        if self._work is not None:
            self._work.cancel()
            self._look()
        self._timer.stop()
        super().reject()

    def _choose(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, self.tr("Folder to export to"), self._folder.text())
        if folder:
            self._folder.setText(folder)

    def _begin(self) -> None:
        wanted = Wanted(
            self._video.isChecked(), self._stills.isChecked(), self._table.isChecked(), self._start, self._stop
        )
        self._begin_button.setEnabled(False)
        folder = self._folder.text()
        self._work = ExportWork(self._sitting, folder, wanted, heat_picture, self._background)
        self._timer.start(_LOOK_MS)

    def _look(self) -> None:
        work = self._work
        if work is None:
            return
        self._bar.setValue(round(1000 * work.progress))
        if not work.done:
            return
        self._timer.stop()
        self._work = None
        self._begin_button.setEnabled(True)
        if work.problem:
            self._said.setText(work.problem)
            self.message = self.tr("Not exported: {why}").format(why=work.problem)
        elif work.cancelled:
            self.message = self.tr("The export was stopped; nothing half-written is left.")
        else:
            self.message = self.tr("{count} files in {folder}").format(count=len(work.made), folder=work.folder)
            self.accept()
