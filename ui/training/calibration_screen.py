"""The calibration check: five points on the whole monitor, one after the other, then what was measured.

On Qt's main thread; the tracker is read on a thread of its own, which ends with ``end``.
"""

from __future__ import annotations

import threading
from collections import deque

from PyQt6.QtCore import QPointF, QRectF, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QCloseEvent, QKeyEvent, QPaintEvent, QPen, QResizeEvent
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from assistant.clock import MonotonicClock
from assistant.contracts import Clock, Device, GazeSample
from assistant.errors import EndOfStream, SourceError
from assistant.teaching.calibration import LIMIT_DEG, TARGETS, Calibration, check_calibration
from assistant.teaching.gaze_mapping import px_per_degree
from assistant.teaching.scene_markers import TAGS, SeesMarkers
from ui import theme
from ui.training.markers import MarkerCorners

PERIOD_MS = 16
SETTLE_NS = 700_000_000
"""The eye finds the point and comes to rest."""
LOOK_NS = 1_200_000_000
"""For so long its samples are taken."""
USUAL_PX_PER_MM = 3.6
"""Of a monitor that does not say how large it is."""


class CalibrationScreen(QWidget):
    """Shows the points and judges the tracker.

    Attributes:
        result: of the last check; None before.
        goes_on: the user wants the session, with or without scored gaze.
    """

    finished = pyqtSignal()

    def __init__(self, tracker: Device, name: str, distance_mm: float, clock: Clock | None = None) -> None:
        super().__init__()
        self.result: Calibration | None = None
        self.goes_on = False
        self._tracker = tracker
        self._distance_mm = distance_mm
        self._clock = clock or MonotonicClock()
        self._samples: deque[GazeSample] = deque(maxlen=5000)
        self._lost = ""
        self._ending = threading.Event()
        self._looked: list[list[GazeSample]] = []
        self._begun_ns: list[int] = []
        self._since_ns: int | None = None
        self.setWindowTitle(self.tr("Check of the eye tracker"))
        self.setAccessibleName(self.windowTitle())
        self.setStyleSheet(
            f"QWidget {{ background: {theme.GROUND.name()}; color: {theme.TEXT.name()}; font-size: 20px; }}"
            f"QPushButton {{ background: {theme.RAISED.name()}; padding: 10px 24px; border: 2px solid transparent; }}"
            f"QPushButton:focus {{ border-color: {theme.ACCENT.name()}; }}"
        )
        self._words = QLabel(self)
        self._words.setWordWrap(True)
        self._words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._markers_seen = QLabel(self)
        self._markers_seen.setWordWrap(True)
        self._markers_seen.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._begin = QPushButton(self.tr("Begin"), self)
        self._go_on = QPushButton(self.tr("Go on"), self)
        self._cancel = QPushButton(self.tr("Cancel"), self)
        self._begin.clicked.connect(self.begin)
        self._go_on.clicked.connect(self._accept)
        self._cancel.clicked.connect(self.close)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        for button in (self._begin, self._go_on, self._cancel):
            button.setAutoDefault(True)
            buttons.addWidget(button)
        buttons.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(120, 48, 120, 48)
        column.addStretch(1)
        column.addWidget(self._words)
        column.addWidget(self._markers_seen)
        column.addSpacing(24)
        column.addLayout(buttons)
        column.addStretch(1)
        self._go_on.hide()
        self._say(
            self.tr(
                "{tracker}\n\nFive points appear one after the other. Look at each until the next one comes, "
                "and keep your head as you will hold it while scanning."
            ).format(tracker=name)
        )
        self._begin.setFocus()
        self._sees_markers = tracker if isinstance(tracker, SeesMarkers) else None
        self._corners = MarkerCorners(self) if self._sees_markers is not None else None
        self._markers_seen.setVisible(self._corners is not None)
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.step)
        if self._corners is not None:  # the camera looks for them from the beginning
            self._timer.start(PERIOD_MS)
        self._reader = threading.Thread(target=self._read, name="calibration", daemon=True)
        self._reader.start()

    @property
    def target(self) -> tuple[float, float] | None:
        """The point that is shown now, in [0, 1] of the screen; None while none is."""
        return None if self._since_ns is None else TARGETS[len(self._looked) - 1]

    def begin(self) -> None:
        """Show the first point."""
        self._show_page(points=True)
        self._looked = [[]]
        self._samples.clear()
        self._since_ns = self._clock.now_ns()
        self._begun_ns = [self._since_ns]
        self._timer.start(PERIOD_MS)
        self.update()

    def step(self) -> None:
        """Take what came, and go to the next point when it is time."""
        self._show_markers()
        if self._since_ns is None:
            return
        now_ns = self._clock.now_ns()
        while self._samples:
            sample = self._samples.popleft()
            for begun_ns, looked in zip(self._begun_ns, self._looked, strict=True):  # one may come late
                if begun_ns + SETTLE_NS <= sample.captured_ns < begun_ns + SETTLE_NS + LOOK_NS:
                    looked.append(sample)
        if self._lost or now_ns >= self._since_ns + SETTLE_NS + LOOK_NS:
            if self._lost or len(self._looked) == len(TARGETS):
                self._judge()
                return
            self._looked.append([])
            self._begun_ns.append(now_ns)
            self._since_ns = now_ns
        self.update()

    def end(self) -> None:
        """Stop reading the tracker. Idempotent."""
        self._timer.stop()
        self._ending.set()
        self._reader.join()

    def _show_markers(self) -> None:
        """Tell the camera where its markers stand, and the user how many it sees."""
        if self._corners is None or self._sees_markers is None:
            return
        self._sees_markers.look_for(self._corners.markers())
        words = self.tr("The scene camera sees {seen} of {all} markers in the corners; two are enough, all are better.")
        words = words.format(seen=self._sees_markers.markers_seen, all=len(TAGS))
        if words != self._markers_seen.text():
            self._markers_seen.setText(words)
            self._markers_seen.setAccessibleName(words)

    def _judge(self) -> None:
        self._since_ns = None
        if self._corners is None:
            self._timer.stop()
        looked = [*self._looked, *([[]] * (len(TARGETS) - len(self._looked)))]
        width_px, height_px, px_per_mm = self._monitor()
        self.result = check_calibration(looked, (width_px, height_px), px_per_degree(px_per_mm, self._distance_mm))
        self._show_page(points=False)
        found = self.result
        if found.passed:
            text = self.tr(
                "The tracker is accurate enough: {accuracy} degrees beside the points, precision {precision}."
            )
            self._go_on.setText(self.tr("Go on"))
        else:
            text = self.tr("Not passed: {reason}")
            self._go_on.setText(self.tr("Go on without scored gaze"))
        self._say(
            text.format(accuracy=found.accuracy_deg, precision=found.precision_deg, reason=self._lost or found.reason)
            + "\n"
            + self.tr("Limit: {limit} degrees, at {distance} mm from the monitor.").format(
                limit=f"{LIMIT_DEG:g}", distance=f"{self._distance_mm:g}"
            )
        )
        self._begin.setText(self.tr("Check again"))
        (self._go_on if found.passed else self._begin).setFocus()
        self.update()  # the last point goes

    def _monitor(self) -> tuple[float, float, float]:
        """Width and height in device pixels, and how many of them are in a millimetre."""
        screen = self.screen()
        if screen is None:
            return float(self.width()), float(self.height()), USUAL_PX_PER_MM
        ratio = self.devicePixelRatioF()
        size, physical = screen.geometry().size(), screen.physicalSize()
        width_px = size.width() * ratio
        px_per_mm = width_px / physical.width() if physical.width() > 50 else USUAL_PX_PER_MM
        return width_px, size.height() * ratio, px_per_mm

    def _show_page(self, *, points: bool) -> None:
        for widget in (self._words, self._begin, self._cancel):
            widget.setVisible(not points)
        self._markers_seen.setVisible(not points and self._corners is not None)
        self._go_on.setVisible(not points)
        self.setCursor(Qt.CursorShape.BlankCursor if points else Qt.CursorShape.ArrowCursor)

    def _say(self, words: str) -> None:
        self._words.setText(words)
        self._words.setAccessibleName(words)

    def _accept(self) -> None:
        self.goes_on = True
        self.close()

    def _read(self) -> None:
        while not self._ending.is_set():
            try:
                sample = self._tracker.read("gaze", 0.1)
            except EndOfStream:
                return
            except SourceError as error:
                self._lost = str(error)
                return
            if isinstance(sample, GazeSample):
                self._samples.append(sample)

    # What Qt asks -----------------------------------------------------------------------------------------------------

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """The point: a ring that closes around a dot, so that the eye goes to its middle."""
        painter = theme.painter_of(self)
        painter.fillRect(self.rect(), theme.GROUND)
        target = self.target
        if target is None or self._since_ns is None:
            return
        passed = min((self._clock.now_ns() - self._since_ns) / (SETTLE_NS + LOOK_NS), 1.0)
        at = QPointF(target[0] * self.width(), target[1] * self.height())
        radius = 6.0 + 26.0 * (1.0 - passed)
        painter.setPen(QPen(theme.TEXT, 3.0))
        painter.drawEllipse(at, radius, radius)
        painter.fillRect(QRectF(at.x() - 3.0, at.y() - 3.0, 6.0, 6.0), theme.ACCENT)

    def resizeEvent(self, a0: QResizeEvent | None) -> None:
        """The markers stay in the corners."""
        super().resizeEvent(a0)
        if self._corners is not None:
            self._corners.place()

    def keyPressEvent(self, a0: QKeyEvent | None) -> None:
        """Escape gives up."""
        if a0 is not None and a0.key() == Qt.Key.Key_Escape:
            self.close()
        else:
            super().keyPressEvent(a0)

    def closeEvent(self, a0: QCloseEvent | None) -> None:
        """Closing ends the check."""
        self.end()
        super().closeEvent(a0)
        self.finished.emit()
