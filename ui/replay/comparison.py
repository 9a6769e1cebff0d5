"""Another model beside what was recorded: its image, its guidance, and where both differ. On Qt's main thread."""

from __future__ import annotations

from collections.abc import Callable

from PyQt6.QtCore import QObject
from PyQt6.QtWidgets import QLabel, QWidget

from assistant.replay.player import Moment
from assistant.replay.sitting import Difference, Sitting
from ui.image_view import ImageView
from ui.plane_card import PlaneCard
from ui.replay.lists import DifferenceList
from ui.replay.words import said_of, snapshot_of


class Comparison(QObject):
    """What is shown of another model; hidden until there is something.

    Attributes:
        title: which model, or how far it is.
        card: what it says about the frame.
        image: the frame under its gaze map.
        list: where it decided otherwise.
    """

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.title, self.card = QLabel(window), PlaneCard(window)
        self.image, self.list = ImageView(window), DifferenceList(window)
        self.title.setWordWrap(True)
        self._expected = False
        for hidden in (self.title, self.card, self.image, self.list):
            hidden.hide()

    def expect(self) -> None:
        """Another model was started."""
        self._expected = True

    def told(self) -> None:
        """It was stopped: nothing more is expected."""
        self._expected = False
        self.title.hide()

    def look(self, sitting: Sitting, clock_of: Callable[[int], str]) -> list[Difference] | None:
        """Show how far it is; the differences once, when it is done."""
        other = sitting.other
        if other is None or not self._expected:
            return None
        self.title.show()
        if other.running:
            share = round(100 * other.progress)
            self.title.setText(self.tr("Another model: {share} % done, R stops it").format(share=share))
            return None
        self._expected = False
        self.title.setText(other.model_id)
        if other.index is None:
            self.title.setVisible(bool(other.problem))
            return None
        found = sitting.differences()
        self.list.show_differences(found, clock_of)
        for shown in (self.card, self.image, self.list):
            shown.show()
        return found

    def show_moment(self, moment: Moment, planes: tuple[str, ...]) -> None:
        """The frame, and what the model says about it."""
        if self.image.isVisible():
            self.image.show_snapshot(snapshot_of(moment, moment.other, planes))
            self.card.show_statement(said_of(moment, moment.other, planes))
