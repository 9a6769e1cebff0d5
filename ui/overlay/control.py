"""The small window beside the overlay: its keys, what is wrong, and the end of the run. On Qt's main thread.

The overlay takes no input, so that everything is done here. A timer asks for the snapshot, as in the live window;
nothing in the engine waits for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PyQt6.QtCore import QT_TRANSLATE_NOOP, QPoint, QRect, QSize, QTimer, pyqtSignal
from PyQt6.QtGui import QCloseEvent, QKeySequence, QShortcut
from PyQt6.QtWidgets import QGridLayout, QLabel, QVBoxLayout, QWidget

from assistant.clock import MonotonicClock
from assistant.contracts import Clock
from assistant.snapshot import Snapshot, SnapshotSource
from ui import theme
from ui.banners import Banners
from ui.gaze_legend import GazeLegend
from ui.heatmap_mode import HeatmapMode, is_shown, next_mode, stepped
from ui.keys import ACTIONS, Action, KeyButton
from ui.overlay.heat_layer import HeatLayer, send_now
from ui.overlay.place import free_place
from ui.overlay.stall_watch import StallWatch
from ui.overlay.words_layer import CORNERS, StateLines, WordsLayer
from ui.overlay.x_screen import XScreen
from ui.privacy_keys import PrivacyKeys
from ui.translation import translate
from ui.window import FIRST_IMAGE_DEADLINE_NS, MESSAGE_NS, PULL_PERIOD_MS, STOP_DEADLINE_NS
from ui.words import Banner, banners

LOOK_PERIOD_NS: Final = 500_000_000
"""How often the overlay is laid on top anew, and the compositor is asked for."""
EM_PX: Final = 13
WIDTH_EM: Final = 34
_FRAME_PX: Final = 36
"""Room that a window manager may need on each side of this window."""

_CORNER = Action(
    "corner",
    ("C",),
    QT_TRANSLATE_NOOP("Keys", "Corner"),
    QT_TRANSLATE_NOOP("Keys", "Put the words into the next corner"),
)


class Control(QWidget):
    """Keys and remarks; moves the overlay and ends it.

    Args:
        run: what to look at, and to stop.
        title: of the window.
        words: the card that lies over or beside the other program.
        heat: the heatmap that lies over it; None: it may not.
        area: the rectangle that is laid over, or that is filmed when ``heat`` is None; Qt's units.
        forbidden: what is filmed, where our windows would be filmed too; None: nowhere.
        seconds: stop the run so long after its first image, or when none comes; the run itself counts too.
        heatmap: when the predicted gaze is shown, until a key says otherwise.
    """

    finished = pyqtSignal()
    """The run has ended, or its time to end is over, and all windows are closed."""

    def __init__(
        self,
        run: SnapshotSource,
        *,
        title: str,
        words: WordsLayer,
        heat: HeatLayer | None,
        area: QRect,
        forbidden: QRect | None,
        seconds: float | None = None,
        heatmap: HeatmapMode = "always",
        clock: Clock | None = None,
    ) -> None:
        super().__init__()
        self.overdue = False
        self._run, self._clock = run, clock or MonotonicClock()
        self._words, self._heat, self._area, self._forbidden = words, heat, area, forbidden
        self._heatmap, self._opacity, self._corner = heatmap, 1.0, 0
        self._x_screen = XScreen()
        self._stall_watch: StallWatch | None = None
        self._look_due_ns = 0
        self._closes_itself = seconds is not None
        self._seconds_ns = None if seconds is None else round(seconds * 1e9)
        self._counts_from_ns = self._clock.now_ns() + FIRST_IMAGE_DEADLINE_NS
        self._stop_until_ns: int | None = None
        self._message_until_ns = 0
        self._is_finished = False
        self._snapshot: Snapshot | None = None
        self._screens: Sequence[QRect] = ()
        self.setWindowTitle(title)
        self._state = StateLines(self, remarks=False)  # they stand in the banners
        self._banners, self._legend, self._message = Banners(self), GazeLegend(self), QLabel(self)
        self.buttons = {action.name: KeyButton(action, self) for action in self._actions()}
        self._lay_out()
        self._privacy = PrivacyKeys(run, self.buttons["mute"], self._say, self)
        self._connect_actions()
        self._show_modes()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.pull)

    def start(self) -> None:
        """Begin to look at the run."""
        layers = [layer for layer in (self._heat, self._words) if layer is not None]
        self._stall_watch = StallWatch(self._x_screen, [int(layer.winId()) for layer in layers])
        self._timer.start(PULL_PERIOD_MS)

    def _actions(self) -> list[Action]:
        known = {action.name: action for action in ACTIONS}
        over = [known["heatmap"], _CORNER] if self._heat is not None else []
        return [known["overlays"], *over, known["mute"], known["forget"], known["stop"]]

    def _lay_out(self) -> None:
        theme.fill(self, theme.GROUND)
        theme.set_em(self, EM_PX)
        self.setFixedWidth(WIDTH_EM * EM_PX)
        column = QVBoxLayout(self)
        column.addWidget(self._state)
        column.addWidget(self._banners)
        column.addWidget(self._legend)
        self._legend.setVisible(self._heat is not None)
        keys = QGridLayout()
        for number, button in enumerate(self.buttons.values()):
            keys.addWidget(button, number // 2, number % 2)
        column.addLayout(keys)
        self._message.setWordWrap(True)
        self._message.setMinimumHeight(round(2.6 * EM_PX))
        column.addWidget(self._message)
        column.addStretch(1)

    def _connect_actions(self) -> None:
        reactions = {
            "overlays": self._show_modes,
            "heatmap": self._next_heatmap,
            "corner": self._next_corner,
            "mute": self._privacy.mute,
            "forget": self._privacy.forget,
            "stop": self.stop,
            "fainter": lambda: self._step_opacity(-1),
            "stronger": lambda: self._step_opacity(1),
        }
        buttons = self.buttons | (self._legend.buttons if self._heat is not None else {})
        for name, button in buttons.items():
            button.setToolTip("")  # it would be a window of its own, wherever the mouse is
            button.clicked.connect(reactions[name])
            for key in button.action.keys:
                shortcut = QShortcut(QKeySequence(key), self)
                shortcut.setAutoRepeat(False)
                shortcut.activated.connect(self._escape if key == "Esc" else button.click)

    # What the timer does ----------------------------------------------------------------------------------------------

    def pull(self) -> None:
        """Look at the run once: show what is new, take away what is over, and see whether it is time to end."""
        if self._stall_watch is not None and self._stall_watch.beat():
            self._words.hide()  # Qt takes them for shown
            if self._heat is not None:
                self._heat.show_guidance(None, None, shown=False)
        snapshot, now_ns = self._run.snapshot(), self._clock.now_ns()
        is_new = self._snapshot is None or snapshot.number != self._snapshot.number
        if is_new:
            if snapshot.frame is not None:
                self._counts_from_ns = min(self._counts_from_ns, now_ns)
            self._snapshot = snapshot
        if now_ns >= self._look_due_ns:
            self._look_due_ns = now_ns + LOOK_PERIOD_NS
            self._look_around()
        self._show(snapshot, now_ns)
        self._stay_out()
        if self._message_until_ns and now_ns >= self._message_until_ns:
            self._privacy.timed_out()
            self._say("")
        if snapshot.ended and (self._closes_itself or self._stop_until_ns is not None):
            self._finish()
        elif self._stop_until_ns is not None and now_ns >= self._stop_until_ns:
            self.overdue = True
            self._finish()
        elif self._seconds_ns is not None and now_ns >= self._counts_from_ns + self._seconds_ns:
            self.stop()

    def _show(self, snapshot: Snapshot, now_ns: int) -> None:
        """Below the overlay another program goes on: what is no longer about its image is not left there."""
        stopping = self._stop_until_ns is not None
        before = self._visible()
        shown = self.buttons["overlays"].isChecked() and not (stopping or snapshot.ended)
        if self._heat is not None:
            heat = shown and is_shown(self._heatmap, frozen=snapshot.frozen)
            self._heat.show_guidance(snapshot.guidance, snapshot.frame, shown=heat)
            self._show_legend(snapshot)
        self._words.show_snapshot(snapshot, now_ns)
        self._words.setVisible(shown)
        if self._visible() != before:
            send_now()
        self._state.show_snapshot(snapshot)
        self._show_banners(banners(snapshot, stopping=stopping))

    def _visible(self) -> tuple[bool, bool]:
        return self._heat is not None and self._heat.isVisible(), self._words.isVisible()

    def _show_banners(self, said: tuple[Banner, ...]) -> None:
        """With more to say this window grows, and then goes where it covers no image again."""
        before = self._banners.minimumHeight()
        self._banners.show_banners(said)
        if self._banners.minimumHeight() != before:
            was_beside = not self.geometry().intersects(self._area)
            self.adjustSize()
            if was_beside and self.geometry().intersects(self._area):
                self._place_keys()

    def _show_legend(self, snapshot: Snapshot) -> None:
        has_map = snapshot.guidance is None or snapshot.guidance.gaze_map is not None
        if not has_map:
            state = translate("Panels", "not given by this model")
        elif not self.buttons["overlays"].isChecked():
            state = translate("Panels", "hidden, O shows it")
        elif is_shown(self._heatmap, frozen=snapshot.frozen):
            state = ""
        elif self._heatmap == "frozen":
            state = translate("Panels", "only while frozen")
        else:
            state = translate("Panels", "hidden, H shows it")
        self._legend.show_state(state)

    def _look_around(self) -> None:
        """Windows that were opened since lie below again; a compositor may have come or gone."""
        if self._heat is not None:
            frame = None if self._snapshot is None else self._snapshot.frame
            self._heat.set_look(self._opacity, clear=self._x_screen.composites(), frame=frame)
            if self._heat.isVisible():
                self._heat.raise_()
        if self._words.isVisible():
            self._words.raise_()
        send_now()

    # What the keys do -------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Ask the run to end; the windows close when it has."""
        if self._snapshot is not None and self._snapshot.ended:
            self._finish()
        elif self._stop_until_ns is None:
            self._stop_until_ns = self._clock.now_ns() + STOP_DEADLINE_NS
            self._run.stop()

    def _escape(self) -> None:
        """Escape puts away a question first."""
        if not self._privacy.leave():
            self.buttons["stop"].click()

    def _show_modes(self) -> None:
        modes = {
            "always": translate("Keys", "always"),
            "frozen": translate("Keys", "while frozen"),
            "off": translate("Keys", "off"),
        }
        if "heatmap" in self.buttons:
            self.buttons["heatmap"].show_state(modes[self._heatmap])
        if self._snapshot is not None:
            self._show(self._snapshot, self._clock.now_ns())

    def _next_heatmap(self) -> None:
        self._heatmap = next_mode(self._heatmap)
        self._show_modes()

    def _next_corner(self) -> None:
        self._corner = (self._corner + 1) % len(CORNERS)
        self._place_words()

    def _step_opacity(self, step: int) -> None:
        self._opacity = stepped(self._opacity, step)
        self._look_around()
        self._legend.set_opacity(self._opacity)
        self._say(translate("Panels", "Heatmap {percent} %").format(percent=round(100 * self._opacity)))

    def _say(self, message: str) -> None:
        self._message.setText(message)
        self._message_until_ns = self._clock.now_ns() + MESSAGE_NS if message else 0

    # Where things stand -----------------------------------------------------------------------------------------------

    def place(self, screens: Sequence[QRect]) -> bool:
        """Put the words and this window where they may be. False: what is filmed leaves no room for them.

        Args:
            screens: all of them, in Qt's units.
        """
        self._screens = screens
        return self._place_words() and self._place_keys()

    def _place_keys(self) -> bool:
        """Beside what is looked at, where the screen has room for that."""
        self.adjustSize()
        room = self.size() + QSize(2 * _FRAME_PX, 2 * _FRAME_PX)
        words, filmed = self._words.geometry(), self._filmed()
        far = QRect(self._screens[0].bottomRight(), QSize(1, 1))
        for avoiding, near in (([words, *filmed, self._area], self._area), ([words, *filmed], far), (filmed, far)):
            spot = free_place(room, near, avoiding, self._screens)
            if spot is not None:
                self.move(spot + QPoint(_FRAME_PX, _FRAME_PX))
                return True
        return not filmed  # then the system finds a place, however small the screen is

    def _filmed(self) -> list[QRect]:
        return [] if self._forbidden is None else [self._forbidden]

    def _place_words(self) -> bool:
        """In a corner of what is laid over; beside it where nothing may lie over it."""
        if self._heat is not None:
            self._words.into_corner(self._area, CORNERS[self._corner])
            if not any(self._words.geometry().intersects(area) for area in self._filmed()):
                return True
        spot = free_place(self._words.size(), self._area, [*self._filmed(), self._area], self._screens)
        if spot is not None:
            self._words.move(spot)
        return spot is not None

    def _stay_out(self) -> None:
        """Nobody may drag this window into what is filmed."""
        if self._forbidden is None or not self.isVisible() or self.isMinimized():
            return
        if self.frameGeometry().intersects(self._forbidden):
            self.hide()
            send_now()
            self.place(self._screens)
            self.show()
            self._say(translate("Overlay", "Moved away: this window would be filmed there"))

    # What Qt asks -----------------------------------------------------------------------------------------------------

    def closeEvent(self, a0: QCloseEvent | None) -> None:
        """Closing asks the run to end, and waits for it with the windows alive."""
        if not self._is_finished:
            self.stop()
        if a0 is not None:
            a0.setAccepted(self._is_finished)

    def put_away(self) -> None:
        """No window is left on the screen, whatever happened. Idempotent."""
        self._is_finished = True
        self._timer.stop()
        if self._stall_watch is not None:
            self._stall_watch.close()
        self._x_screen.close()
        for window in (self._heat, self._words, self):
            if window is not None:
                window.close()

    def _finish(self) -> None:
        if not self._is_finished:
            self.put_away()
            self.finished.emit()
