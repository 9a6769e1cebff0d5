"""The window over a live run: it looks at snapshots and repaints what changed. On Qt's main thread.

A timer asks for the snapshot; nothing in the engine waits for it. The image follows every new snapshot, numbers at a
pace that can be read, and whatever changes the meaning of the screen (plane, abstention, fault, recording) at once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PyQt6.QtCore import Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QCloseEvent, QKeySequence, QResizeEvent, QShortcut
from PyQt6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from assistant.clock import MonotonicClock
from assistant.contracts import Clock, Frame
from assistant.errors import SessionError
from assistant.snapshot import Snapshot, SnapshotSource
from assistant.steering import Steerable
from assistant.teaching.observer import Observed
from ui import theme
from ui.banners import Banners
from ui.checklist_panel import ChecklistPanel
from ui.gamepad import Gamepad, open_gamepad
from ui.gaze_legend import GazeLegend
from ui.header import Header
from ui.heatmap_mode import HeatmapMode, is_shown, next_mode, stepped
from ui.image_view import ImageView
from ui.keys import CHOOSING_KEYS, CHOOSING_KEYS_WHILE_STEERING, Footer, KeyHelp, live_rows
from ui.plane_card import PlaneCard
from ui.privacy_keys import PrivacyKeys
from ui.run_facts import RunFacts
from ui.sound_meter import SoundMeter
from ui.steering import Steering
from ui.stills import ScreenshotKeeper, save_still
from ui.training.watch import TrainingWatch
from ui.translation import translate
from ui.words import banners, statement

PULL_PERIOD_MS = 16
NUMBERS_PERIOD_NS = 200_000_000
METER_PERIOD_NS = 100_000_000
MESSAGE_NS = 5_000_000_000
STOP_DEADLINE_NS = 20_000_000_000
FIRST_IMAGE_DEADLINE_NS = 10_000_000_000
"""How long a run of limited time may wait for its first image."""

DESIGN_WIDTH_PX, DESIGN_HEIGHT_PX, DESIGN_EM_PX = 1280, 800, 14
SIDE_WIDTH_EM = 24


class Window(QWidget):
    """Image, guidance, checklist, microphone, state of the run, and the keys.

    Args:
        run: what to look at, and to stop.
        title: of the window.
        seconds: stop the run so long after the first image, or when none comes.
        closes_itself: close when the run ends by itself; else the last image stays until the user closes.
        keeps_screenshot: grab pictures of itself, for ``keeper`` to save.
        heatmap: when the predicted gaze lies over the image, until a key says otherwise.
    """

    finished = pyqtSignal()
    """The run has ended, or its time to end is over, and the window is closed."""

    def __init__(
        self,
        run: SnapshotSource,
        *,
        title: str,
        seconds: float | None = None,
        closes_itself: bool = False,
        keeps_screenshot: bool = False,
        clock: Clock | None = None,
        heatmap: HeatmapMode = "always",
    ) -> None:
        super().__init__()
        self.keeper = ScreenshotKeeper(self) if keeps_screenshot else None
        self.overdue = False
        self._run = run
        self._clock = clock or MonotonicClock()
        self._closes_itself = closes_itself
        self._seconds_ns = None if seconds is None else round(seconds * 1e9)
        self._first_image_due_ns = self._clock.now_ns() + FIRST_IMAGE_DEADLINE_NS
        self._first_image_ns: int | None = None
        self._stop_until_ns: int | None = None
        self._message_until_ns = 0
        self._is_finished = False
        self._snapshot: Snapshot | None = None
        self._frozen: Snapshot | None = None
        self._frozen_ns = 0
        self._heatmap, self._opacity = heatmap, 1.0
        self._has_gaze_map = True
        self._numbers, self._meter = _Paced(NUMBERS_PERIOD_NS), _Paced(METER_PERIOD_NS)
        self._meaning: object = None

        self.setWindowTitle(title)
        self.setMinimumSize(800, 480)
        self._header, self._banners, self._footer = Header(title, self), Banners(self), Footer(self)
        self._image_view, self._side = ImageView(self), QWidget(self)
        self._plane_card, self._checklist = PlaneCard(self._side), ChecklistPanel(run, self._side)
        self._legend, self._sound_meter = GazeLegend(self._side), SoundMeter(self._side)
        steered = run if isinstance(run, Steerable) and run.steerable else None
        pad = None if steered is None else open_gamepad()
        self._facts = RunFacts(self._side)
        marking = self._checklist.takes_marks
        self._help = KeyHelp(self, live_rows(marking=marking, steering=steered is not None, gamepad=pad is not None))
        self._lay_out()
        self._privacy = PrivacyKeys(run, self._footer.buttons["mute"], self._say, self)
        self._connect_actions(CHOOSING_KEYS_WHILE_STEERING if steered is not None else CHOOSING_KEYS)
        self._show_overlays()
        if steered is not None:
            Steering(steered, self, self._image_view)
            if pad is not None:
                Gamepad(steered, pad, self)
        self._image_view.setFocusPolicy(Qt.FocusPolicy.ClickFocus)  # no button is pressed by the first space bar
        self._image_view.setFocus()
        if isinstance(run, Observed) and run.observer is not None:
            TrainingWatch(run.observer, self, self._image_view)
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.pull)

    def start(self) -> None:
        """Begin to look at the run."""
        self._timer.start(PULL_PERIOD_MS)

    def press(self, action: str) -> None:
        """Do what the button of the footer does."""
        self._footer.buttons[action].click()

    @property
    def shown_frame(self) -> Frame | None:
        """The image that stands in the window; None before the first."""
        looked_at = self._frozen or self._snapshot
        return None if looked_at is None else looked_at.frame

    def tell_when_painted(self, told: Callable[[Frame], None] | None) -> None:
        """Call ``told`` with each image once it is painted and handed to the screen: Qt does that before the timer."""
        if told is not None:
            self._image_view.on_painted = lambda frame: QTimer.singleShot(0, partial(told, frame))

    def _lay_out(self) -> None:
        theme.fill(self, theme.GROUND)
        column = QVBoxLayout(self._side)
        for panel in (self._plane_card, self._legend, self._checklist, self._sound_meter, self._facts):
            column.addWidget(panel)
        middle = QVBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(self._banners)
        middle.addWidget(self._image_view, 1)
        body = QHBoxLayout()
        body.addLayout(middle, 1)
        body.addWidget(self._side)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(self._header)
        whole.addLayout(body, 1)
        whole.addWidget(self._footer)
        self._column, self._body = column, body

    def _connect_actions(self, choosing_keys: tuple[str, str]) -> None:
        reactions = {
            "freeze": self._toggle_freeze,
            "heatmap": self._next_heatmap,
            "overlays": self._show_overlays,
            "still": self._save_still,
            "fullscreen": self._toggle_full_screen,
            "mute": self._privacy.mute,
            "forget": self._privacy.forget,
            "help": self._toggle_help,
            "stop": self.stop,
            "fainter": lambda: self._step_opacity(-1),
            "stronger": lambda: self._step_opacity(1),
        }
        self._checklist.said.connect(self._say)
        for name, button in (self._footer.buttons | self._legend.buttons).items():
            button.clicked.connect(reactions[name])
        for button in (self._footer.buttons | self._legend.buttons | self._checklist.buttons).values():
            for key in button.action.keys:
                shortcut = QShortcut(QKeySequence(key), self)
                shortcut.setAutoRepeat(False)
                shortcut.activated.connect(self._escape if key == "Esc" else button.click)
        for key, way in zip(choosing_keys, (-1, 1), strict=True):
            QShortcut(QKeySequence(key), self).activated.connect(lambda way=way: self._checklist.step(way))

    # What the timer does ----------------------------------------------------------------------------------------------

    def pull(self) -> None:
        """Look at the run once: show what is new, and see whether it is time to end."""
        snapshot, now_ns = self._run.snapshot(), self._clock.now_ns()
        is_new = self._snapshot is None or snapshot.number != self._snapshot.number
        if is_new:
            self._snapshot = snapshot
            if self._frozen is None:
                self._image_view.show_snapshot(snapshot)
        self._show_panels(snapshot if is_new else self._snapshot or snapshot, now_ns, changed=is_new)
        if self._message_until_ns and now_ns >= self._message_until_ns:
            self._privacy.timed_out()
            self._say("")
        if self.keeper is not None and is_new:
            self.keeper.consider(snapshot, heat_visible=self._image_view.heat_visible, now_ns=now_ns)

        if snapshot.ended and (self._closes_itself or self._stop_until_ns is not None):
            self._finish()
        elif self._stop_until_ns is not None and now_ns >= self._stop_until_ns:
            self.overdue = True
            self._finish()
        elif self._time_is_over(snapshot, now_ns) and not snapshot.ended:
            self.stop()

    def _time_is_over(self, snapshot: Snapshot, now_ns: int) -> bool:
        """The run counts from its first image too, and ends by itself; this ends it where it cannot."""
        if self._first_image_ns is None and snapshot.frame is not None:
            self._first_image_ns = now_ns
        if self._seconds_ns is None:
            return False
        if self._first_image_ns is None:
            return now_ns >= self._first_image_due_ns + self._seconds_ns
        return now_ns >= self._first_image_ns + self._seconds_ns

    def _show_panels(self, snapshot: Snapshot, now_ns: int, *, changed: bool) -> None:
        looked_at = self._frozen or snapshot
        said = statement(looked_at)
        remarks = banners(snapshot, stopping=self._stop_until_ns is not None)
        meaning = (said.kind, said.headline, remarks, snapshot.recording, snapshot.ended)
        urgent = meaning != self._meaning
        if self._numbers.lets_through(now_ns, changed=changed, urgent=urgent):
            self._meaning = meaning
            frozen_s = None if self._frozen is None else (now_ns - self._frozen_ns) / 1e9
            self._header.show_snapshot(snapshot, frozen_s=frozen_s)
            self._banners.show_banners(remarks)
            self._plane_card.show_statement(said, frozen=self._frozen is not None)
            named = looked_at.guidance.decision.plane if looked_at.guidance else None
            self._checklist.show_snapshot(snapshot, named)
            self._facts.show_snapshot(snapshot)
            self._show_legend(looked_at)
        if self._meter.lets_through(now_ns, changed=changed):
            self._sound_meter.show_sound(snapshot.sound, snapshot.narration_agreement)

    def _show_legend(self, snapshot: Snapshot) -> None:
        guidance = snapshot.guidance
        if guidance is not None and (guidance.gaze_map is not None or guidance.decision.abstention is None):
            self._has_gaze_map = guidance.gaze_map is not None
        if not self._has_gaze_map:
            self._legend.show_state(translate("Panels", "not given by this model"))
        elif not self._footer.buttons["overlays"].isChecked():
            self._legend.show_state(translate("Panels", "hidden, O shows it"))
        elif is_shown(self._heatmap, frozen=self._frozen is not None):
            self._legend.show_state("")
        elif self._heatmap == "frozen":
            self._legend.show_state(translate("Panels", "only while frozen"))
        else:
            self._legend.show_state(translate("Panels", "hidden, H shows it"))

    # What the keys do -------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Ask the run to end; the window closes when it has."""
        if self._snapshot is not None and self._snapshot.ended:
            self._finish()
        elif self._stop_until_ns is None:
            now_ns = self._clock.now_ns()
            if self.keeper is not None and self._snapshot is not None:
                heat_visible = self._image_view.heat_visible
                self.keeper.consider(self._snapshot, heat_visible=heat_visible, now_ns=now_ns, last=True)
            self._stop_until_ns = now_ns + STOP_DEADLINE_NS
            self._run.stop()

    def _escape(self) -> None:
        """Escape puts away a question and the help first: nobody means to end a scan by it."""
        if self._privacy.leave():
            return
        if self._help.isVisible():
            self._toggle_help()
        else:
            self._footer.buttons["stop"].click()

    def _show_overlays(self) -> None:
        heatmap = is_shown(self._heatmap, frozen=self._frozen is not None)
        self._image_view.show_overlays(heatmap=heatmap, overlays=self._footer.buttons["overlays"].isChecked())
        modes = {
            "always": translate("Keys", "always"),
            "frozen": translate("Keys", "while frozen"),
            "off": translate("Keys", "off"),
        }
        self._footer.buttons["heatmap"].show_state(modes[self._heatmap])
        looked_at = self._frozen or self._snapshot
        if looked_at is not None:
            self._show_legend(looked_at)

    def _next_heatmap(self) -> None:
        self._heatmap = next_mode(self._heatmap)
        self._show_overlays()

    def _step_opacity(self, step: int) -> None:
        self._opacity = stepped(self._opacity, step)
        self._image_view.set_opacity(self._opacity)
        self._legend.set_opacity(self._opacity)
        self._say(translate("Panels", "Heatmap {percent} %").format(percent=round(100 * self._opacity)))

    def _toggle_freeze(self) -> None:
        """Hold the image with the guidance about it, or show the newest again. The run knows nothing of it."""
        button = self._footer.buttons["freeze"]
        if self._frozen is None and (self._snapshot is None or self._snapshot.frame is None):
            button.setChecked(False)
            self._say(translate("Panels", "Nothing to freeze yet: no image has come"))
            return
        self._frozen = self._snapshot if self._frozen is None else None
        self._frozen_ns = self._clock.now_ns()
        button.setChecked(self._frozen is not None)
        if self._frozen is None and self._snapshot is not None:
            self._image_view.show_snapshot(self._snapshot)
        self._show_overlays()
        if self._snapshot is not None:
            self._meaning = None  # what stands on the screen is about another image now
            self._show_panels(self._snapshot, self._frozen_ns, changed=True)

    def _save_still(self) -> None:
        looked_at = self._frozen or self._snapshot
        if looked_at is None or looked_at.frame is None:
            self._say(translate("Panels", "Nothing to save yet: no image has come"))
            return
        try:
            file = save_still(self, looked_at, looked_at.frame)
        except SessionError as error:
            self._say(translate("Panels", "Not saved: {reason}").format(reason=error))
        else:
            self._say(translate("Panels", "Saved: {file}").format(file=file))

    def _toggle_full_screen(self) -> None:
        self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)

    def _toggle_help(self) -> None:
        self._help.setVisible(not self._help.isVisible())
        self._place_help()

    def _say(self, message: str) -> None:
        self._footer.say(message)
        self._message_until_ns = self._clock.now_ns() + MESSAGE_NS if message else 0

    # What Qt asks -----------------------------------------------------------------------------------------------------

    def resizeEvent(self, a0: QResizeEvent | None) -> None:
        """Letters and panels grow with the window."""
        share = min(self.width() / DESIGN_WIDTH_PX, self.height() / DESIGN_HEIGHT_PX)
        unit = max(round(DESIGN_EM_PX * share), 9)
        font = self.font()
        font.setPixelSize(unit)
        self.setFont(font)
        self._side.setFixedWidth(SIDE_WIDTH_EM * unit)
        gap = round(0.55 * unit)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(gap)
        self._body.setSpacing(round(0.8 * unit))
        self._body.setContentsMargins(round(0.8 * unit), 0, round(0.8 * unit), 0)
        self._place_help()
        super().resizeEvent(a0)

    def closeEvent(self, a0: QCloseEvent | None) -> None:
        """Closing asks the run to end, and waits for it with the window open and alive."""
        if not self._is_finished:
            self.stop()
        if a0 is not None:
            a0.setAccepted(self._is_finished)

    def _place_help(self) -> None:
        self._help.resize(self._help.sizeHint())
        self._help.move(self.rect().center() - self._help.rect().center())
        self._help.raise_()

    def _finish(self) -> None:
        if not self._is_finished:
            self._is_finished = True
            self._timer.stop()
            self.close()
            self.finished.emit()


class _Paced:
    """Lets changes through at a pace that can be read, urgent ones at once, and the last one always in the end."""

    def __init__(self, period_ns: int) -> None:
        self._period_ns = period_ns
        self._due_ns = 0
        self._waiting = False

    def lets_through(self, now_ns: int, *, changed: bool, urgent: bool = False) -> bool:
        self._waiting |= changed or urgent
        if not self._waiting or not (urgent or now_ns >= self._due_ns):
            return False
        self._waiting = False
        self._due_ns = now_ns + self._period_ns
        return True
