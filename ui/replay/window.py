"""The replay window: a recorded session with its timeline, labels and notes. On Qt's main thread.

A timer looks at the player and repaints what is new; decoding, indexing, exporting and other models run on threads of
``assistant/replay``. What a session lacks is said above the image, and the rest of it works.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PyQt6.QtCore import Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QCloseEvent, QKeySequence, QPalette, QResizeEvent, QShortcut
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from assistant.class_list import ClassList
from assistant.clock import MonotonicClock
from assistant.contracts import Clock
from assistant.errors import SessionError, SonocueError
from assistant.replay.export import save_stills
from assistant.replay.lanes import plane_starts
from assistant.replay.moments import neighbour
from assistant.replay.player import SPEEDS
from assistant.replay.sitting import Sitting
from ui import theme
from ui.banners import Banners
from ui.colormap import heat_picture
from ui.image_view import ImageView
from ui.plane_card import PlaneCard
from ui.replay.dialogs import ask_model, ask_note, ask_plane
from ui.replay.export_dialog import ExportDialog
from ui.replay.keys import ReplayFooter, ReplayHelp, actions
from ui.replay.lists import DifferenceList, RemarkList
from ui.replay.timeline_view import TimelineView
from ui.replay.words import banner_of, cannot_open, clock, said_of, snapshot_of, table_banners
from ui.words import Banner, disclaimer

PULL_PERIOD_MS = 16
SLOW_NS = 500_000_000
MESSAGE_NS = 6_000_000_000
DESIGN_WIDTH_PX, DESIGN_HEIGHT_PX, DESIGN_EM_PX = 1280, 800, 14
SIDE_WIDTH_EM = 24


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
        self._range: tuple[int | None, int | None] = (None, None)
        self._shown = (-1, False)
        self._extent: object = None
        self._due_ns = self._message_until_ns = 0
        self._differences: list[int] = []
        self._model_told = True
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
        self._connect()
        if model is not None and self.sitting is not None:
            self.run_model(model)
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.pull)
        self._timer.start(PULL_PERIOD_MS)

    def _lay_out(self, name: str) -> None:
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.Window, theme.GROUND)
        palette.setColor(QPalette.ColorRole.WindowText, theme.TEXT)
        palette.setColor(QPalette.ColorRole.Base, theme.SURFACE)
        palette.setColor(QPalette.ColorRole.Text, theme.TEXT)
        palette.setColor(QPalette.ColorRole.Button, theme.RAISED)
        palette.setColor(QPalette.ColorRole.ButtonText, theme.TEXT)
        palette.setColor(QPalette.ColorRole.PlaceholderText, theme.MUTED)
        self.setPalette(palette)
        self.setAutoFillBackground(True)
        self._actions = actions()
        self._header = QLabel(
            f"<b>{name}</b> &nbsp; <span style='color:{theme.CAUTION.name()}'>{disclaimer()}</span>", self
        )
        self._state = QLabel(self)
        self._state.setAccessibleName(self.tr("Position"))
        self._banners, self._image = Banners(self), ImageView(self)
        self._recorded, self._other = PlaneCard(self), PlaneCard(self)
        self._other_title, self._other_image = QLabel(self), ImageView(self)
        self._other_title.setWordWrap(True)
        self._recorded_title = QLabel(self.tr("As recorded"), self)
        self._facts = QLabel(self)
        self._facts.setWordWrap(True)
        self._difference_list, self._remark_list = DifferenceList(self), RemarkList(self)
        self._footer = ReplayFooter(self._actions, self)
        self._help = ReplayHelp(self._actions, self)
        self._timeline: TimelineView | None = None
        if self.sitting is not None and self.sitting.player is not None:
            self._timeline = TimelineView(self.sitting.recording, self.sitting.notes, self._background, self)
            self._timeline.sought.connect(self.sitting.player.seek)
        side = QVBoxLayout()
        for widget in (self._recorded_title, self._recorded, self._other_title, self._other, self._facts):
            side.addWidget(widget)
        side.addWidget(self._difference_list, 2)
        side.addWidget(self._remark_list, 3)
        side.addStretch(0)
        self._side = QWidget(self)
        self._side.setLayout(side)
        images = QHBoxLayout()
        images.setSpacing(2)
        images.addWidget(self._image, 1)
        images.addWidget(self._other_image, 1)
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
        for hidden in (self._other_title, self._other, self._other_image, self._difference_list):
            hidden.hide()

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
        self._difference_list.chosen.connect(self._seek)

    def _playing_reactions(self) -> dict[str, Callable[[], object]]:
        assert self.sitting is not None and self.sitting.player is not None  # noqa: S101 - asked by ``_connect``
        player = self.sitting.player

        def step(frames: int) -> Callable[[], object]:
            return lambda: player.step(frames)

        def seconds(by: float) -> Callable[[], object]:
            return lambda: self._seek_by(by)

        def jump(what: str, direction: int) -> Callable[[], object]:
            return lambda: self._jump(what, direction)

        return {
            "play": player.toggle,
            "frame_back": step(-1), "frame_on": step(1),
            "second_back": seconds(-1), "second_on": seconds(1),
            "tens_back": seconds(-10), "tens_on": seconds(10),
            "first": lambda: player.seek(0), "last": lambda: player.seek(1 << 60),
            "plane_back": jump("plane", -1), "plane_on": jump("plane", 1),
            "event_back": jump("event", -1), "event_on": jump("event", 1),
            "difference_back": jump("difference", -1), "difference_on": jump("difference", 1),
            "slower": lambda: self._change_speed(-1), "faster": lambda: self._change_speed(1),
            "mute": lambda: player.set_muted(not player.muted),
            "zoom_in": lambda: self._zoom(0.5),
            "zoom_out": lambda: self._zoom(2.0),
            "heatmap": self._show_overlays, "overlays": self._show_overlays,
            "mark_in": lambda: self._mark(0), "mark_out": lambda: self._mark(1),
            "label": self._label, "erase": self._erase, "note": self._note, "undo": self._undo, "save": self._save,
            "still": self._still, "export": self._export, "model": self._choose_model,
        }  # fmt: skip

    # What the timer does ------------------------------------------------------------------------------------------

    def pull(self) -> None:
        """Look at the player once, and show what is new."""
        now_ns = self._clock.now_ns()
        if self._message_until_ns and now_ns >= self._message_until_ns:
            self._message_until_ns = 0
            self._footer.say("")
        if self.sitting is None or self.sitting.player is None:
            self._banners.show_banners(tuple(self._all_banners()))
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
        if self._other_image.isVisible():
            self._other_image.show_snapshot(snapshot_of(moment, moment.other, planes))
            self._other.show_statement(said_of(moment, moment.other, planes))
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
        rows = [
            (self.tr("Label"), given or own),
            (self.tr("Truth"), moment.truth),
            (self.tr("Said"), f"\u201c{moment.words}\u201d" if moment.words else ""),
            (self.tr("Image"), moment.problem),
        ]
        muted = theme.MUTED.name()
        self._facts.setText(
            "<br>".join(f"<span style='color:{muted}'>{name}</span> {text}" for name, text in rows if text)
        )

    def _show_slow(self) -> None:
        """What changes seldom: what was read meanwhile, banners, lists, the other model."""
        assert self.sitting is not None and self.sitting.player is not None  # noqa: S101 - asked by ``pull``
        sitting = self.sitting
        index, notes = sitting.recording.index, sitting.notes
        self._banners.show_banners(tuple(self._all_banners()))
        extent = (round(index.progress, 2), len(sitting.recording.speech_s), notes.labels, notes.notes)
        if extent != self._extent:
            self._extent = extent
            if self._timeline is not None:
                self._timeline.changed()
            self._remark_list.show_remarks(notes, self._clock_of)
            self._shown = (-1, False)
        self._show_model()

    def _all_banners(self) -> list[Banner]:
        said = list(self._lasting)
        sitting = self.sitting
        if sitting is None:
            return said
        said += [banner_of(lack) for lack in sitting.recording.lacks()] + table_banners(sitting.notes)
        if sitting.player is not None and sitting.player.sound_problem:
            said.append(Banner("caution", self.tr("No sound"), sitting.player.sound_problem))
        if sitting.other is not None and sitting.other.problem:
            said.append(Banner("fault", self.tr("Other model"), sitting.other.problem))
        if not sitting.recording.index.complete:
            share = round(100 * sitting.recording.index.progress)
            text = self.tr("{share} % of the timeline is read; the rest follows.").format(share=share)
            said.append(Banner("info", self.tr("Reading"), text))
        return said

    def _show_model(self) -> None:
        assert self.sitting is not None  # noqa: S101 - asked by ``pull``
        sitting, other = self.sitting, self.sitting.other
        if other is None or self._model_told:
            return
        self._other_title.show()
        if other.running:
            share = round(100 * other.progress)
            self._other_title.setText(self.tr("Another model: {share} % done, R stops it").format(share=share))
            return
        self._model_told = True
        self._other_title.setText(other.model_id)
        if other.index is None:
            if not other.problem:
                self._other_title.hide()
            return
        self._recorded_title.setText(self.tr("As recorded") + f"  {sitting.recording.index.model_id}")
        found = sitting.differences()
        if self._timeline is not None:
            self._timeline.show_other(other.index)
        self._differences = [difference.start for difference in found]
        self._difference_list.show_differences(found, self._clock_of)
        for shown in (self._other, self._other_image, self._difference_list):
            shown.show()
        self._shown = (-1, False)

    # What the keys do ---------------------------------------------------------------------------------------------

    def _clock_of(self, position: int) -> str:
        assert self.sitting is not None  # noqa: S101 - lists are filled from a sitting
        recording = self.sitting.recording
        return clock((int(recording.times_ns[position]) - recording.start_ns) / 1e9)

    def _seek(self, position: int) -> None:
        if self.sitting is not None and self.sitting.player is not None:
            self.sitting.player.seek(position)

    def _seek_by(self, seconds: float) -> None:
        if self.sitting is not None and self.sitting.player is not None:
            recording, player = self.sitting.recording, self.sitting.player
            at_ns = int(recording.times_ns[player.target]) + round(seconds * 1e9)
            player.seek(recording.nearest(at_ns))

    def _jump(self, what: str, direction: int) -> None:
        if self.sitting is None or self.sitting.player is None:
            return
        recording, notes = self.sitting.recording, self.sitting.notes
        marks = {
            "plane": lambda: plane_starts(recording.index, recording, self._background),
            "event": lambda: sorted({*recording.event_positions(), *(note.start for note in notes.notes)}),
            "difference": lambda: self._differences,
        }[what]()
        found = neighbour(marks, self.sitting.player.target, direction)
        if found is None:
            self._say(self.tr("There is none further on.") if direction > 0 else self.tr("There is none before."))
        else:
            self.sitting.player.seek(found)

    def _change_speed(self, step: int) -> None:
        if self.sitting is not None and self.sitting.player is not None:
            player = self.sitting.player
            number = SPEEDS.index(player.speed) + step
            player.set_speed(SPEEDS[min(max(number, 0), len(SPEEDS) - 1)])
            self._shown = (-1, False)

    def _zoom(self, factor: float) -> None:
        if self._timeline is not None:
            self._timeline.zoom(factor)

    def _mark(self, side: int) -> None:
        if self.sitting is None or self.sitting.player is None:
            return
        at = self.sitting.player.target
        first, last = self._range
        if self._range[side] == at:
            first = last = None
        elif side == 0:
            first, last = at, last if last is None or last >= at else None
        else:
            first, last = first if first is None or first <= at else None, at
        self._range = first, last
        if self._timeline is not None:
            self._timeline.show_range(first, last)

    def chosen_range(self) -> tuple[int, int]:
        """What a label or note is about: the marked range, from its start up to not at its stop, or the shown frame."""
        at = 0 if self.sitting is None or self.sitting.player is None else self.sitting.player.target
        first, last = self._range
        if first is None and last is None:
            return at, at + 1
        if first is None or last is None:
            first, last = sorted((first if first is not None else at, last if last is not None else at))
        return first, last + 1

    def _label(self) -> None:
        if self.sitting is None:
            return
        start, stop = self._paused_range()
        given = self.sitting.notes.label_at(start)
        plane = ask_plane(self, self._class_list, given, self._range_words(start, stop))
        if plane:
            notes = self.sitting.notes
            self._edit(lambda: notes.label(start, stop, plane))

    def _note(self) -> None:
        if self.sitting is None:
            return
        start, stop = self._paused_range()
        words = ask_note(self, self._range_words(start, stop))
        if words:
            notes = self.sitting.notes
            self._edit(lambda: notes.note(start, stop, words))

    def _erase(self) -> None:
        if self.sitting is not None:
            notes, (start, stop) = self.sitting.notes, self._paused_range()
            self._edit(lambda: notes.erase(start, stop))

    def _undo(self) -> None:
        if self.sitting is not None:
            if not self.sitting.notes.can_undo:
                self._say(self.tr("There is nothing to undo."))
            self._edit(self.sitting.notes.undo)

    def _save(self) -> None:
        if self.sitting is not None:
            self._edit(self.sitting.notes.save)

    def _edit(self, change: Callable[[], object]) -> None:
        """Change the tables; what cannot be written is said, and kept."""
        try:
            change()
        except SessionError as error:
            self._say(self.tr("Not saved: {why}").format(why=error))
        self._due_ns = 0

    def _paused_range(self) -> tuple[int, int]:
        if self.sitting is not None and self.sitting.player is not None:
            self.sitting.player.pause()
        return self.chosen_range()

    def _range_words(self, start: int, stop: int) -> str:
        if stop - start == 1:
            return self.tr("Frame at {time}").format(time=self._clock_of(start))
        return self.tr("{count} frames from {start} to {end}").format(
            count=stop - start, start=self._clock_of(start), end=self._clock_of(stop - 1)
        )

    def _show_overlays(self) -> None:
        heatmap, overlays = (self._footer.buttons[name].isChecked() for name in ("heatmap", "overlays"))
        for view in (self._image, self._other_image):
            view.show_overlays(heatmap=heatmap, overlays=overlays)

    def _still(self) -> None:
        if self.sitting is None or self.sitting.player is None:
            return
        recording = self.sitting.recording
        folder = recording.reader.path.resolve().parent / "stills"
        try:
            bare, _ = save_stills(recording, self.sitting.notes, folder, self.sitting.player.target, heat_picture)
        except SessionError as error:
            self._say(self.tr("Not saved: {why}").format(why=error))
        else:
            self._say(self.tr("Saved {file}").format(file=bare))

    def _export(self) -> None:
        if self.sitting is None or self.sitting.player is None:
            return
        self.sitting.player.pause()
        start, stop = self.chosen_range() if self._range != (None, None) else (0, len(self.sitting.recording.times_ns))
        dialog = ExportDialog(self.sitting, self._background, start, stop, self._range_words(start, stop), self)
        dialog.exec()
        self._say(dialog.message)
        dialog.deleteLater()

    def _choose_model(self) -> None:
        if self.sitting is None:
            return
        if self.sitting.other is not None and self.sitting.other.running:
            self.sitting.stop_model()
            self._model_told = True
            self._due_ns = 0
            self._other_title.hide()
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
            self._model_told = False
            self._due_ns = 0

    def _toggle_help(self) -> None:
        self._help.setVisible(not self._help.isVisible())
        self._place_help()

    def _toggle_full_screen(self) -> None:
        if self.isFullScreen():
            self.showNormal()
        else:
            self.showFullScreen()

    def _escape(self) -> None:
        """Escape puts away the help and the marks first."""
        if self._help.isVisible():
            self._toggle_help()
        elif self._range != (None, None):
            self._range = (None, None)
            if self._timeline is not None:
                self._timeline.show_range(None, None)
        else:
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
        for card in (self._recorded, self._other):
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
