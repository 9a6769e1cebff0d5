"""The replay window: a recorded session with its timeline, labels and notes. On Qt's main thread.

A timer looks at the player and repaints what is new; decoding, indexing, exporting and other models run on threads of
``assistant/replay``. What a session lacks is said above the image, and the rest of it works.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PyQt6.QtCore import Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QCloseEvent, QKeySequence, QResizeEvent, QShortcut
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from assistant.class_list import ClassList
from assistant.clock import MonotonicClock
from assistant.contracts import Clock
from assistant.errors import SonocueError
from assistant.replay.sitting import Sitting
from ui import theme
from ui.banners import Banners
from ui.form_style import form_palette
from ui.image_view import ImageView
from ui.keys import Footer, KeyHelp
from ui.plane_card import PlaneCard
from ui.replay.annotating import Annotating
from ui.replay.comparison import Comparison
from ui.replay.dialogs import ask_model
from ui.replay.export_dialog import ExportDialog, save_still
from ui.replay.keys import actions, footer_of
from ui.replay.lists import RemarkList
from ui.replay.navigating import Navigating
from ui.replay.timeline_view import TimelineView
from ui.replay.words import banners_of, cannot_open, clock, facts_of, said_of, snapshot_of
from ui.window import DESIGN_EM_PX, DESIGN_HEIGHT_PX, DESIGN_WIDTH_PX, SIDE_WIDTH_EM
from ui.words import Banner, disclaimer

PULL_PERIOD_MS = 16
SLOW_NS = 500_000_000
MESSAGE_NS = 6_000_000_000


class ReplayWindow(QWidget):
    """Image, timeline, what was said, labels and notes, and the keys.

    Args:
        path: the session's folder.
        class_list: the planes that a label may name.
        labels: the label table; None: ``labels.csv`` beside the session.
        model: another model to show beside what was recorded; None: none yet.
        backends: inference engines for it.
        clock: keeps the time while playing.
        with_sound: play sound, where there is a loudspeaker.
    """

    finished = pyqtSignal()
    """The window is closed."""

    def __init__(
        self,
        path: Path,
        class_list: ClassList,
        *,
        labels: Path | None = None,
        model: str | None = None,
        backends: tuple[str, ...] = (),
        clock: Clock | None = None,
        with_sound: bool = True,
    ) -> None:
        super().__init__()
        self._clock = clock or MonotonicClock()
        self._class_list = class_list
        self._background = class_list.background
        self._backends = backends
        self._shown = (-1, False)
        self._extent: object = None
        self._due_ns = self._message_until_ns = 0
        self._closed = False
        self.setWindowTitle(self.tr("Replay: {name}").format(name=path.name))
        self.setMinimumSize(960, 600)

        self.sitting: Sitting | None = None
        self._lasting: list[Banner] = []
        try:
            self.sitting = Sitting(path, class_list, self._clock, labels=labels, with_sound=with_sound)
        except SonocueError as error:
            self._lasting = [cannot_open(path, str(error))]
        self._lay_out(path.name)
        self.annotating = self._annotating()
        self._navigating: Navigating | None = None
        self._connect()
        if model is not None and self.sitting is not None:
            self.run_model(model)
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.pull)
        self._timer.start(PULL_PERIOD_MS)

    def _lay_out(self, name: str) -> None:
        self.setPalette(form_palette(self.palette()))
        self.setAutoFillBackground(True)
        self._actions = actions()
        self._header = QLabel(
            f"<b>{name}</b> &nbsp; <span style='color:{theme.CAUTION.name()}'>{disclaimer()}</span>", self
        )
        self._state = QLabel(self)
        self._state.setAccessibleName(self.tr("Position"))
        self._banners, self._image = Banners(self), ImageView(self)
        self._recorded, self._compared = PlaneCard(self), Comparison(self)
        self._recorded_title = QLabel(self.tr("As recorded"), self)
        self._facts = QLabel(self)
        self._facts.setWordWrap(True)
        self._remark_list = RemarkList(self)
        self._footer = Footer(self, footer_of(self._actions))
        self._help = KeyHelp(self, [(action.keys, action.explanation) for action in self._actions])
        self._timeline: TimelineView | None = None
        if self.sitting is not None and self.sitting.player is not None:
            self._timeline = TimelineView(self.sitting.recording, self.sitting.notes, self._background, self)
            self._timeline.sought.connect(self.sitting.player.seek)
        side = QVBoxLayout()
        for widget in (self._recorded_title, self._recorded, self._compared.title, self._compared.card, self._facts):
            side.addWidget(widget)
        side.addWidget(self._compared.list, 2)
        side.addWidget(self._remark_list, 3)
        side.addStretch(0)
        self._side = QWidget(self)
        self._side.setLayout(side)
        images = QHBoxLayout()
        images.setSpacing(2)
        images.addWidget(self._image, 1)
        images.addWidget(self._compared.image, 1)
        middle = QVBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(self._banners)
        middle.addLayout(images, 1)
        body = QHBoxLayout()
        body.addLayout(middle, 1)
        body.addWidget(self._side)
        top = QHBoxLayout()
        top.addWidget(self._header)
        top.addStretch(1)
        top.addWidget(self._state)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(top)
        whole.addLayout(body, 1)
        if self._timeline is not None:
            whole.addWidget(self._timeline)
        whole.addWidget(self._footer)
        self._top = top

    def _annotating(self) -> Annotating | None:
        """What labels and notes do; None where there is nothing to label."""
        if self.sitting is None or self.sitting.player is None or self._timeline is None:
            return None
        annotating = Annotating(self.sitting.notes, self.sitting.player, self._class_list, self._clock_of, self)
        annotating.marked.connect(self._timeline.show_range)
        annotating.edited.connect(self._look_at_once)
        annotating.said.connect(self._say)
        return annotating

    def _look_at_once(self) -> None:
        self._due_ns = 0

    def _connect(self) -> None:
        play: dict[str, Callable[[], object]] = (
            {} if self.sitting is None or self.sitting.player is None else self._playing_reactions()
        )
        always: dict[str, Callable[[], object]] = {
            "help": self._toggle_help,
            "close": self.close,
            "fullscreen": self._toggle_full_screen,
        }
        reactions = {**play, **always}
        for action in self._actions:
            button = self._footer.buttons.get(action.name)
            reaction = reactions.get(action.name)
            if button is not None:
                button.setEnabled(reaction is not None)
                if reaction is not None:
                    button.clicked.connect(reaction)
            if reaction is None:
                continue
            for key in action.keys:
                shortcut = QShortcut(QKeySequence(key), self)
                shortcut.setAutoRepeat(action.name.endswith(("_back", "_on")))
                if key == "Esc":
                    shortcut.activated.connect(self._escape)
                else:
                    shortcut.activated.connect(button.click if button is not None else reaction)
        self._remark_list.chosen.connect(self._seek)
        self._compared.list.chosen.connect(self._seek)

    def _playing_reactions(self) -> dict[str, Callable[[], object]]:
        reactions: dict[str, Callable[[], object]] = {
            "zoom_in": lambda: self._zoom(0.5),
            "zoom_out": lambda: self._zoom(2.0),
            "heatmap": self._show_overlays,
            "overlays": self._show_overlays,
            "still": self._still,
            "export": self._export,
            "model": self._choose_model,
        }
        if self.sitting is not None and self.sitting.player is not None:
            self._navigating = Navigating(
                self.sitting.recording, self.sitting.notes, self.sitting.player, self._background, self
            )
            self._navigating.said.connect(self._say)
            self._navigating.changed.connect(self._show_again)
            reactions |= self._navigating.reactions()
        return reactions if self.annotating is None else reactions | self.annotating.reactions()

    def _show_again(self) -> None:
        self._shown = (-1, False)

    # What the timer does ------------------------------------------------------------------------------------------

    def pull(self) -> None:
        """Look at the player once, and show what is new."""
        now_ns = self._clock.now_ns()
        if self._message_until_ns and now_ns >= self._message_until_ns:
            self._message_until_ns = 0
            self._footer.say("")
        if self.sitting is None or self.sitting.player is None:
            self._banners.show_banners(self._all_banners())
            return
        player = self.sitting.player
        moment = player.moment
        if (moment.number, player.playing) != self._shown:
            self._shown = moment.number, player.playing
            self._show_moment()
        if self._timeline is not None:
            self._timeline.show_position(player.moment.position)
            self._timeline.follow_mouse()
        if now_ns >= self._due_ns:
            self._due_ns = now_ns + SLOW_NS
            self._show_slow()

    def _show_moment(self) -> None:
        assert self.sitting is not None and self.sitting.player is not None  # noqa: S101 - asked by ``pull``
        sitting, player = self.sitting, self.sitting.player
        moment, planes = player.moment, self._class_list.planes
        self._image.show_snapshot(snapshot_of(moment, moment.recorded, planes))
        self._recorded.show_statement(said_of(moment, moment.recorded, planes))
        self._compared.show_moment(moment, planes)
        self._show_facts()
        count = len(sitting.recording.times_ns)
        speed = f"{player.speed:g}\u00d7" + (" " + self.tr("muted") if player.muted else "")
        state = self.tr("playing") if player.playing else self.tr("paused")
        at = f"{clock(moment.time_s)} / {clock(sitting.recording.duration_s)}"
        frame = self.tr("frame {position} of {count}").format(position=moment.position + 1, count=count)
        self._state.setText("&nbsp;&nbsp;&nbsp;".join((state, speed, frame, f"<b>{at}</b>")))

    def _show_facts(self) -> None:
        assert self.sitting is not None and self.sitting.player is not None  # noqa: S101 - asked by ``pull``
        sitting, moment = self.sitting, self.sitting.player.moment
        index = sitting.recording.index
        own = index.name(int(index.labels[moment.position]))
        given = sitting.notes.label_at(moment.position)
        self._facts.setText(facts_of(moment, given or own))

    def _show_slow(self) -> None:
        """What changes seldom: what was read meanwhile, banners, lists, the other model."""
        assert self.sitting is not None and self.sitting.player is not None  # noqa: S101 - asked by ``pull``
        sitting = self.sitting
        index, notes = sitting.recording.index, sitting.notes
        self._banners.show_banners(self._all_banners())
        extent = (round(index.progress, 2), len(sitting.recording.speech_s), notes.labels, notes.notes)
        if extent != self._extent:
            self._extent = extent
            if self._timeline is not None:
                self._timeline.changed()
            self._remark_list.show_remarks(notes, self._clock_of)
            self._shown = (-1, False)
        self._show_model()

    def _all_banners(self) -> tuple[Banner, ...]:
        return (*self._lasting, *(() if self.sitting is None else banners_of(self.sitting)))

    def _show_model(self) -> None:
        assert self.sitting is not None  # noqa: S101 - asked by ``pull``
        found = self._compared.look(self.sitting, self._clock_of)
        if found is None:
            return
        self._recorded_title.setText(self.tr("As recorded") + f"  {self.sitting.recording.index.model_id}")
        if self._timeline is not None and self.sitting.other is not None:
            self._timeline.show_other(self.sitting.other.index)
        if self._navigating is not None:
            self._navigating.differences = [difference.start for difference in found]
        self._show_again()

    # What the keys do ---------------------------------------------------------------------------------------------

    def _clock_of(self, position: int) -> str:
        assert self.sitting is not None  # noqa: S101 - lists are filled from a sitting
        recording = self.sitting.recording
        return clock((int(recording.times_ns[position]) - recording.start_ns) / 1e9)

    def _seek(self, position: int) -> None:
        if self.sitting is not None and self.sitting.player is not None:
            self.sitting.player.seek(position)

    def _zoom(self, factor: float) -> None:
        if self._timeline is not None:
            self._timeline.zoom(factor)

    def _show_overlays(self) -> None:
        heatmap, overlays = (self._footer.buttons[name].isChecked() for name in ("heatmap", "overlays"))
        for view in (self._image, self._compared.image):
            view.show_overlays(heatmap=heatmap, overlays=overlays)

    def _still(self) -> None:
        if self.sitting is None or self.sitting.player is None:
            return
        self._say(save_still(self.sitting, self.sitting.player.target))

    def _export(self) -> None:
        if self.sitting is None or self.annotating is None:
            return
        start, stop, words = self.annotating.to_export(len(self.sitting.recording.times_ns))
        dialog = ExportDialog(self.sitting, self._background, start, stop, words, self)
        dialog.exec()
        self._say(dialog.message)
        dialog.deleteLater()

    def _choose_model(self) -> None:
        if self.sitting is None:
            return
        if self.sitting.other is not None and self.sitting.other.running:
            self.sitting.stop_model()
            self._compared.told()
            self._due_ns = 0
            return
        model = ask_model(self)
        if model:
            self.run_model(model)

    def run_model(self, model: str) -> None:
        """Show another model beside what was recorded, once it is done."""
        if self.sitting is not None:
            self.sitting.run_model(model, self._backends)
            if self._timeline is not None:
                self._timeline.show_other(None)
            self._compared.expect()
            self._due_ns = 0

    def _toggle_help(self) -> None:
        self._help.setVisible(not self._help.isVisible())
        self._place_help()

    def _toggle_full_screen(self) -> None:
        self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)

    def _escape(self) -> None:
        """Escape puts away the help and the marks first."""
        if self._help.isVisible():
            self._toggle_help()
        elif self.annotating is None or not self.annotating.unmark():
            self.close()

    def _say(self, message: str) -> None:
        self._footer.say(message)
        self._message_until_ns = self._clock.now_ns() + MESSAGE_NS

    # Qt's calls ---------------------------------------------------------------------------------------------------

    def _place_help(self) -> None:
        size = self._help.sizeHint().boundedTo(self.size())
        self._help.setGeometry(
            (self.width() - size.width()) // 2, (self.height() - size.height()) // 2, size.width(), size.height()
        )
        self._help.raise_()

    def resizeEvent(self, a0: QResizeEvent | None) -> None:
        """Letters grow with the window."""
        super().resizeEvent(a0)
        scale = min(self.width() / DESIGN_WIDTH_PX, self.height() / DESIGN_HEIGHT_PX)
        font = self.font()
        font.setPixelSize(max(round(DESIGN_EM_PX * scale), 10))
        self.setFont(font)
        unit = theme.em(self)
        self._side.setFixedWidth(SIDE_WIDTH_EM * unit)
        for card in (self._recorded, self._compared.card):
            card.setMinimumHeight(card.sizeHint().height())
        self._top.setContentsMargins(unit, unit // 2, unit, unit // 2)
        self._place_help()

    def closeEvent(self, a0: QCloseEvent | None) -> None:
        """End all threads."""
        if not self._closed:
            self._closed = True
            self._timer.stop()
            if self._timeline is not None:
                self._timeline.close_threads()
            if self.sitting is not None:
                self.sitting.close()
            self.finished.emit()
        super().closeEvent(a0)
