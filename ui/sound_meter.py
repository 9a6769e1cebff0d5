"""How loud the microphone is, whether it hears speech, and whether that fits the image. On Qt's main thread."""

from __future__ import annotations

from PyQt6.QtCore import QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PyQt6.QtWidgets import QSizePolicy, QWidget

from assistant.snapshot import SoundLevel
from ui import theme
from ui.translation import translate

FLOOR_DBFS = -60.0
MARKS_DBFS = (-40, -20, -6)
HOT_DBFS = -6.0
SEGMENTS = 36


class SoundMeter(QWidget):
    """Level in dB of full scale as segments, a clip mark at the right end, and a word for speech.

    Where the model knows how well what is said fits what is shown, that takes the place of the level's number.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._sound: SoundLevel | None = None
        self._agreement: int | None = None
        self.show_sound(None)

    def show_sound(self, sound: SoundLevel | None, agreement: float | None = None) -> None:
        """Repaints when what is shown has changed.

        Args:
            sound: None without a microphone.
            agreement: see ``Snapshot.narration_agreement``.
        """
        share = None if agreement is None or sound is None else round(100 * agreement)
        if sound is not None:
            sound = SoundLevel(float(round(sound.level_dbfs)), sound.speech, sound.clipped)
        if sound is None:
            self.setAccessibleName(translate("Panels", "Microphone: none"))
        else:
            words = [f"{sound.level_dbfs:.0f} dBFS", _speech_word(sound)]
            words += [translate("Panels", "too loud")] if sound.clipped else []
            words += [] if share is None else [_fits(share)]
            self.setAccessibleName(translate("Panels", "Microphone: {words}").format(words=", ".join(words)))
        if (sound, share) != (self._sound, self._agreement):
            self._sound, self._agreement = sound, share
            self.update()

    def sizeHint(self) -> QSize:
        """One heading, one bar, its marks."""
        unit = theme.em(self)
        return QSize(20 * unit, round(5.1 * unit))

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """Heading with speech and level, the bar, its marks."""
        unit, sound = theme.em(self), self._sound
        painter = theme.painter_of(self)
        area = QRectF(self.rect())
        theme.card(painter, area, 0.6 * unit)
        inner = area.adjusted(1.1 * unit, 0.6 * unit, -1.1 * unit, -0.4 * unit)
        heading = QRectF(inner.left(), inner.top(), inner.width(), 1.5 * unit)
        theme.write(painter, heading, translate("Panels", "Microphone"), theme.MUTED, 0.95 * unit, bold=True)
        if sound is None:
            theme.write(
                painter, heading, translate("Panels", "None"), theme.MUTED, 0.95 * unit, bold=True, align=theme.RIGHT
            )
        else:
            level = f"{sound.level_dbfs:.0f} dBFS" if self._agreement is None else _fits(self._agreement)
            theme.write(painter, heading, level, theme.MUTED, 0.85 * unit, align=theme.RIGHT)
            _speech(painter, QPointF(inner.left() + 7.7 * unit, heading.center().y()), sound, unit)

        clip_width = 2.9 * unit
        bar = QRectF(inner.left(), heading.bottom() + 0.25 * unit, inner.width() - clip_width - 0.4 * unit, 0.8 * unit)
        _bar(painter, bar, FLOOR_DBFS - 1 if sound is None else sound.level_dbfs)
        clipped = sound is not None and sound.clipped
        clip = QRectF(bar.right() + 0.4 * unit, bar.top() - 0.15 * unit, clip_width, 1.1 * unit)
        theme.card(painter, clip, 0.25 * unit, theme.FAULT if clipped else theme.RAISED)
        ink = theme.FAULT_GROUND if clipped else theme.LINE.lighter(140)
        theme.write(painter, clip, translate("Panels", "CLIP"), ink, 0.75 * unit, bold=True, align=theme.CENTRE)
        for mark in MARKS_DBFS:
            x = bar.left() + bar.width() * (mark - FLOOR_DBFS) / -FLOOR_DBFS
            place = QRectF(x - 2 * unit, bar.bottom() + 0.1 * unit, 4 * unit, 1.0 * unit)
            theme.write(painter, place, str(mark), theme.MUTED, 0.7 * unit, align=theme.CENTRE)


def _fits(share: int) -> str:
    return translate("Panels", "fits the image: {share} %").format(share=share)


def _speech_word(sound: SoundLevel) -> str:
    return translate("Panels", "Speech") if sound.speech else translate("Panels", "No speech")


def _speech(painter: QPainter, at: QPointF, sound: SoundLevel, unit: int) -> None:
    """A full balloon for speech, an empty one for none, and the word."""
    colour = theme.GOOD if sound.speech else theme.MUTED
    balloon = QRectF(at.x(), at.y() - 0.42 * unit, 1.1 * unit, 0.75 * unit)
    painter.setPen(QPen(colour, 0.1 * unit))
    painter.setBrush(colour if sound.speech else Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(balloon, 0.25 * unit, 0.25 * unit)
    tail = QPointF(balloon.left() + 0.3 * unit, balloon.bottom())
    painter.drawLine(tail, tail + QPointF(0, 0.25 * unit))
    word = QRectF(balloon.right() + 0.4 * unit, at.y() - unit, 7.4 * unit, 2 * unit)
    theme.write(painter, word, _speech_word(sound), colour, 0.9 * unit, bold=sound.speech)


def _bar(painter: QPainter, bar: QRectF, level_dbfs: float) -> None:
    step = bar.width() / SEGMENTS
    painter.setPen(Qt.PenStyle.NoPen)
    for number in range(SEGMENTS):
        at_dbfs = FLOOR_DBFS * (1 - number / SEGMENTS)
        lit: QColor = theme.CAUTION if at_dbfs >= HOT_DBFS else theme.GOOD
        painter.setBrush(lit if level_dbfs > at_dbfs else theme.RAISED)
        painter.drawRect(QRectF(bar.left() + number * step, bar.top(), 0.72 * step, bar.height()))
