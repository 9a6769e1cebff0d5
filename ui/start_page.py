"""The start page: what to look at, with which model, and who agreed; or one of the last sessions. On Qt's main thread.

Devices are looked for and previewed on threads of their own; a timer shows what they have.
All previews are closed when the page is left, for a device can be open only once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from PyQt6.QtCore import Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QCloseEvent, QHideEvent, QKeySequence, QResizeEvent, QShortcut, QShowEvent
from PyQt6.QtWidgets import (
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from assistant.config import RunConfig
from assistant.errors import SonocueError
from ui.form_style import form_palette, form_style, heading
from ui.previews import CLOSE_S, Previews
from ui.remembered import Remembered
from ui.source_tile import SourceTile
from ui.start_choices import SCANNER, SCREEN, STEERED, Surroundings, look_around, replay_settings, run_settings, spec_of
from ui.start_form import StartForm
from ui.start_words import plain_problem, session_line, tile_words
from ui.translation import translate
from ui.words import disclaimer

LOOK_PERIOD_MS = 100
DESIGN_WIDTH_PX, DESIGN_HEIGHT_PX, DESIGN_EM_PX = 1280, 800, 14


class StartPage(QWidget):
    """Tiles of sources on the left with the last sessions below, settings on the right.

    Args:
        chosen: what was chosen last time.
        look_for: looks for devices and sessions, given where sessions are recorded; on a thread.
    """

    started = pyqtSignal(object)
    """``RunConfig`` of the run that shall begin."""
    closed = pyqtSignal()
    language_chosen = pyqtSignal(str)

    def __init__(self, chosen: Remembered, look_for: Callable[[Path], Surroundings] = look_around) -> None:
        super().__init__()
        self._look_for = look_for
        self._chosen = chosen
        self._found: Surroundings | None = None
        self._finding: threading.Thread | None = None
        self._chose_by_hand = False
        self._busy = False
        self._unit = DESIGN_EM_PX
        self.previews = Previews()
        self.tiles: list[SourceTile] = []
        self.form = StartForm(chosen, self)
        self.other = QLineEdit(self)
        self.other_button = QPushButton(translate("Start", "&File..."), self)
        self.refresh = QPushButton(translate("Start", "L&ook again"), self)
        self.sessions = QListWidget(self)
        self.start = QPushButton(translate("Start", "&Start"), self)
        self.message = QLabel(self)
        self.hint = QLabel(self)
        self.setWindowTitle(translate("Start", "Sonocue: start"))
        self.setMinimumSize(800, 480)
        self._lay_out()
        self._connect()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.look)

    # What it says -----------------------------------------------------------------------------------------------------

    @property
    def source(self) -> str:
        """The chosen source, ``name:argument``. Raises ``ConfigError`` when what was typed is none."""
        chosen = next(tile for tile in self.tiles if tile.isChecked())
        return chosen.spec or spec_of(self.other.text())

    def remembered(self) -> Remembered:
        """What shall be kept for the next time."""
        try:
            source = self.source
        except SonocueError:
            source = ""
        return self.form.remembered(source)

    def say(self, text: str, severity: str = "caution") -> None:
        """Show a message above the start button; an empty one takes it away."""
        self.message.setText(text)
        self.message.setProperty("severity", severity)
        self.message.setAccessibleName(text)
        self.message.setVisible(bool(text))
        style = self.message.style()
        if style is not None:
            style.polish(self.message)

    def set_busy(self, busy: bool) -> None:
        """While a run is being opened nothing can be started; the page says so."""
        self._busy = busy
        self.start.setEnabled(not busy)
        if busy:
            self.say(translate("Start", "Opening the source and loading the model..."), "info")

    # What it does -----------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Show what was found, and what the previews see; by the timer."""
        if self._finding is not None and not self._finding.is_alive():
            self._finding = None
            if self._found is not None:
                self._show_found(self._found)
        self.previews.show_in(self.tiles)

    def look_again(self) -> None:
        """Look for devices and sessions, on a thread."""
        if self._finding is None:
            self.hint.setText(translate("Start", "Looking for cameras and microphones..."))
            self._finding = threading.Thread(target=self._look_around, name="finding", daemon=True)
            self._finding.start()

    def wait_left(self) -> None:
        """Wait until all devices are let go, some seconds at most; for a page that is hidden and shall be deleted."""
        self.previews.wait_closed()
        if self._finding is not None:
            self._finding.join(CLOSE_S)

    def _look_around(self) -> None:
        self._found = self._look_for(Path(self._chosen.record or "recordings"))

    def _show_found(self, found: Surroundings) -> None:
        self.form.show_microphones(found.microphones)
        self.form.show_models(found.models)
        self._show_sessions(found)
        cameras = [camera.spec for camera in found.cameras.devices]
        wanted = [*cameras, SCANNER, STEERED, SCREEN, ""]
        if [tile.spec for tile in self.tiles] != wanted:
            self._make_tiles(wanted)
        self.previews.follow(self.tiles)
        if cameras:
            self.hint.setText(translate("Start", "Arrow keys go from one source to the next."))
        else:
            self.hint.setText(
                translate(
                    "Start",
                    "No camera or capture card was found. The software scanner needs none: Start shows it.",
                )
            )

    def _show_sessions(self, found: Surroundings) -> None:
        self.sessions.clear()
        for session in found.sessions:
            item = QListWidgetItem(session_line(session))
            item.setData(Qt.ItemDataRole.UserRole, str(session.folder))
            item.setToolTip(str(session.folder))
            self.sessions.addItem(item)
        if not found.sessions:
            item = QListWidgetItem(translate("Start", "None yet"))
            item.setFlags(Qt.ItemFlag.NoItemFlags)
            self.sessions.addItem(item)

    def _make_tiles(self, specs: list[str]) -> None:
        before = next((tile.spec for tile in self.tiles if tile.isChecked()), None)
        for tile in self.tiles:
            tile.setParent(None)
            tile.deleteLater()
        self.tiles = [SourceTile(spec, *tile_words(spec), self) for spec in specs]
        columns = 2 if len(specs) <= 4 else 3
        for number, tile in enumerate(self.tiles):
            self._grid.addWidget(tile, number // columns, number % columns)
            tile.clicked.connect(self._chosen_by_hand)
            tile.toggled.connect(self._tile_toggled)
        wanted = before if self._chose_by_hand and before in specs else self._chosen.source
        number = specs.index(wanted) if wanted and wanted in specs else 0
        if wanted and wanted not in specs:
            self.other.setText(wanted)
            number = len(specs) - 1
        self.tiles[number].setChecked(True)
        self._order_tabs()
        self._dress()

    def _dress(self) -> None:
        """Letters and colours for everything: a style sheet keeps them from being handed down."""
        palette, font = form_palette(self.palette()), self.font()
        font.setPixelSize(self._unit)
        for widget in (self, *self.findChildren(QWidget)):
            widget.setPalette(palette)
            widget.setFont(font)

    def _chosen_by_hand(self) -> None:
        self._chose_by_hand = True
        if self.sender() is self.tiles[-1]:
            self.other.setFocus()

    def _tile_toggled(self) -> None:
        self.say("")

    def _other_edited(self) -> None:
        self._chose_by_hand = True
        self.tiles[-1].setChecked(True)

    def _other_finished(self) -> None:
        """Look at what was typed, if it is something."""
        try:
            spec = spec_of(self.other.text()) if self.other.text().strip() else ""
        except SonocueError as error:
            self.say(plain_problem(error))
            return
        self.previews.show_other(spec, self.tiles)

    def _choose_file(self) -> None:
        file, _ = QFileDialog.getOpenFileName(self, translate("Start", "A video, DICOM cine or tracked sequence"))
        if file:
            self._other_edited()
            self.other.setText(file)
            self._other_finished()

    def begin(self) -> None:
        """Check what is chosen and say that the run shall begin."""
        if self._busy:
            return
        form = self.form
        try:
            settings = run_settings(
                source=self.source,
                model=form.model.currentData(),
                checklist=form.checklist.currentData(),
                microphone=form.microphone.currentData(),
                consent=form.consent.isChecked(),
                subject=form.subject.text().strip(),
                record=form.record_folder,
                heatmap=form.heatmap.currentData(),
                language=form.language.currentData(),
            )
            self._require_consent(settings)
        except SonocueError as error:
            self.say(plain_problem(error))
        else:
            self.started.emit(settings)

    def _require_consent(self, settings: RunConfig) -> None:
        if settings.microphone is not None and not settings.consent:
            self.form.consent.setFocus()
            raise SonocueError(
                translate("Start", "The microphone hears everybody in the room: tick that all agreed, or choose none.")
            )

    def replay(self, item: QListWidgetItem) -> None:
        """Open one of the last sessions."""
        folder = item.data(Qt.ItemDataRole.UserRole)
        if folder and not self._busy:
            form = self.form
            model, heatmap, language = (box.currentData() for box in (form.model, form.heatmap, form.language))
            self.started.emit(replay_settings(Path(folder), model=model, heatmap=heatmap, language=language))

    def _enter(self) -> None:
        """Enter starts, wherever the focus is, but on what has a use of its own for it."""
        focused = self.focusWidget()
        if focused is self.sessions and (item := self.sessions.currentItem()) is not None:
            self.replay(item)
        elif isinstance(focused, QPushButton):
            focused.click()
        else:
            self.start.click()

    # What Qt asks -----------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        self.setAutoFillBackground(True)
        title = QLabel("Sonocue", self)
        title.setObjectName("title")
        use = QLabel(disclaimer(), self)
        use.setObjectName("disclaimer")
        top = QHBoxLayout()
        top.addWidget(title)
        top.addStretch(1)
        top.addWidget(use)

        self._grid = QGridLayout()
        sources = QHBoxLayout()
        sources.addWidget(heading(translate("Start", "Images from"), self))
        sources.addWidget(self.hint, 1)
        sources.addWidget(self.refresh)
        self.hint.setObjectName("muted")
        self.hint.setWordWrap(True)
        other_name = QLabel(translate("Start", "File, session or &address"), self)
        other_name.setBuddy(self.other)
        self.other.setAccessibleName(other_name.text().replace("&", ""))
        self.other.setPlaceholderText(translate("Start", "scan.mp4, or rtsp://..."))
        other = QHBoxLayout()
        other.addWidget(other_name)
        other.addWidget(self.other, 1)
        other.addWidget(self.other_button)
        sessions_name = heading(translate("Start", "Last sessions: &watch again"), self)
        sessions_name.setBuddy(self.sessions)
        self.sessions.setAccessibleName(translate("Start", "Last sessions"))
        self.sessions.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        left = QVBoxLayout()
        left.addLayout(sources)
        left.addLayout(self._grid, 3)
        left.addLayout(other)
        left.addWidget(sessions_name)
        left.addWidget(self.sessions, 1)

        self._card = QWidget(self)
        self._card.setObjectName("card")
        right = QVBoxLayout(self._card)
        right.addWidget(heading(translate("Start", "Settings"), self))
        right.addWidget(self.form)
        right.addStretch(1)
        right.addWidget(self.message)
        right.addWidget(self.start)
        self.start.setObjectName("start")
        self.message.setObjectName("message")
        self.message.setWordWrap(True)
        self.message.hide()
        body = QHBoxLayout()
        body.addLayout(left, 4)
        body.addWidget(self._card, 3)
        whole = QVBoxLayout(self)
        whole.addLayout(top)
        whole.addLayout(body, 1)
        self._layouts = (whole, body, left, right, other, sources)
        self._make_tiles([SCANNER, STEERED, SCREEN, ""])

    def _connect(self) -> None:
        self.start.clicked.connect(self.begin)
        self.refresh.clicked.connect(self.look_again)
        self.other.textEdited.connect(self._other_edited)
        self.other.editingFinished.connect(self._other_finished)
        self.other_button.clicked.connect(self._choose_file)
        self.sessions.itemDoubleClicked.connect(self.replay)
        self.form.language_chosen.connect(self.language_chosen)
        for button in (self.start, self.refresh, self.other_button):
            button.setAccessibleName(button.text().replace("&", ""))
        for key in ("Return", "Enter"):
            QShortcut(QKeySequence(key), self).activated.connect(self._enter)
        for key in ("Esc", "Ctrl+Q"):
            QShortcut(QKeySequence(key), self).activated.connect(self.close)

    def _order_tabs(self) -> None:
        order = [*self.tiles, self.other, self.other_button, self.refresh, self.sessions, *self.form.order, self.start]
        for before, after in pairwise(order):
            QWidget.setTabOrder(before, after)

    def showEvent(self, a0: QShowEvent | None) -> None:
        """Look around, and begin the previews."""
        super().showEvent(a0)
        self._timer.start(LOOK_PERIOD_MS)
        self.previews.follow(self.tiles)
        self.look_again()
        next(tile for tile in self.tiles if tile.isChecked()).setFocus()

    def hideEvent(self, a0: QHideEvent | None) -> None:
        """Let go of all devices."""
        super().hideEvent(a0)
        self._timer.stop()
        self.previews.close()

    def closeEvent(self, a0: QCloseEvent | None) -> None:
        """Closing the page ends the program."""
        super().closeEvent(a0)
        self.closed.emit()

    def resizeEvent(self, a0: QResizeEvent | None) -> None:
        """Letters grow with the window."""
        super().resizeEvent(a0)
        share = min(self.width() / DESIGN_WIDTH_PX, self.height() / DESIGN_HEIGHT_PX)
        unit = max(round(DESIGN_EM_PX * share), 9)
        self._unit = unit
        self.setStyleSheet(form_style(unit))
        self._dress()
        for layout in self._layouts:
            layout.setSpacing(round(0.7 * unit))
        for layout in self._layouts[1:]:
            layout.setContentsMargins(0, 0, 0, 0)
        margin = round(1.2 * unit)
        self._layouts[0].setContentsMargins(margin, margin // 2, margin, margin)
        self._layouts[3].setContentsMargins(margin, margin, margin, margin)
        self._grid.setSpacing(round(0.6 * unit))
        self.form.scale(unit)
