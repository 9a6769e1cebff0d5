"""The keys M and Ctrl+Backspace: mute the sound, and forget the last minutes after asking. On Qt's main thread."""

from __future__ import annotations

from collections.abc import Callable

from PyQt6.QtCore import QT_TRANSLATE_NOOP
from PyQt6.QtGui import QKeySequence, QShortcut
from PyQt6.QtWidgets import QAbstractButton, QWidget

from assistant.run_privacy import PrivateRun
from ui.translation import translate

FORGET_S = 120.0


def question() -> str:
    """What is asked before anything is deleted."""
    return translate("Keys", "Delete 2 min? Backspace: sound. Ctrl+Backspace: all. Esc: no")


class PrivacyKeys:
    """The two actions over a run.

    Args:
        run: a ``PrivateRun``, or something that can do neither: the keys then say so.
        mute: the switch in the footer; shows whether the sound is muted.
        say: shows a line for a while.
        window: hears the keys of the answer.
    """

    def __init__(self, run: object, mute: QAbstractButton, say: Callable[[str], None], window: QWidget) -> None:
        self._run = run if isinstance(run, PrivateRun) else None
        self._button, self._say = mute, say
        self._button.setChecked(False)
        self.asking = False
        self._answers = [QShortcut(QKeySequence(key), window) for key in ("Backspace",)]
        for answer in self._answers:
            answer.setEnabled(False)
            answer.activated.connect(lambda: self._forget(video=False))

    def mute(self) -> None:
        """The switch was turned."""
        if self._run is None:
            self._button.setChecked(False)
            self._say(translate("Keys", "Nothing is recorded that could be muted"))
            return
        self._run.mute(self._button.isChecked())
        said = QT_TRANSLATE_NOOP("Keys", "The sound is on again")
        if self._button.isChecked():
            said = QT_TRANSLATE_NOOP("Keys", "Muted: no sound is written")
        self._say(translate("Keys", said))

    def forget(self) -> None:
        """The key was pressed: ask, or take it as the answer."""
        if self._run is None:
            self._say(translate("Keys", "Nothing is recorded that could be deleted"))
        elif self.asking:
            self._forget(video=True)
        else:
            self._ask(True)
            self._say(question())

    def leave(self) -> bool:
        """Escape: delete nothing. False when nothing was asked."""
        asked = self.asking
        self._ask(False)
        if asked:
            self._say(translate("Keys", "Nothing was deleted"))
        return asked

    def timed_out(self) -> None:
        """The question is no longer on the screen, so that no key may answer it."""
        self._ask(False)

    def _ask(self, asking: bool) -> None:
        self.asking = asking
        for answer in self._answers:
            answer.setEnabled(asking)

    def _forget(self, *, video: bool) -> None:
        self._ask(False)
        if self._run is not None and self._run.forget(FORGET_S, video=video):
            said = QT_TRANSLATE_NOOP("Keys", "Deleted: the sound of the last 2 minutes")
            if video:
                said = QT_TRANSLATE_NOOP("Keys", "Deleted: sound and images of the last 2 minutes")
            self._say(translate("Keys", said))
        else:
            self._say(translate("Keys", "Nothing was deleted: nothing is being recorded"))
