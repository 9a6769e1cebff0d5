"""The keys that mute and forget, over a run that notes what it was asked."""

from __future__ import annotations

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtTest import QTest

from tests.ui.scripted_run import ScriptedRun, live
from ui.keys import Footer, KeyButton
from ui.privacy_keys import question


class PrivateScript(ScriptedRun):
    """Notes what it was asked."""

    def __init__(self, *, records: bool = True) -> None:
        super().__init__([live()])
        self.told: list[object] = []
        self._records = records

    def mute(self, muted: bool) -> None:
        self.told.append(muted)

    def forget(self, seconds: float, *, video: bool = False) -> bool:
        self.told.append((seconds, video))
        return self._records


@pytest.fixture
def private(open_window, manual_clock, qtbot):
    run = PrivateScript()
    window = open_window(run, clock=manual_clock)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=5000)
    window.pull()
    return window, run, manual_clock


def said(window) -> str:
    return window.findChild(Footer).accessibleDescription()


def test_m_mutes_and_unmutes(private):
    window, run, _ = private
    QTest.keyClick(window, Qt.Key.Key_M)
    assert run.told == [True] and "Muted" in said(window)
    button = next(b for b in window.findChildren(KeyButton) if b.action.name == "mute")
    assert button.isChecked()
    QTest.keyClick(window, Qt.Key.Key_M)
    assert run.told == [True, False] and not button.isChecked()


def ask(window) -> None:
    QTest.keyClick(window, Qt.Key.Key_Backspace, Qt.KeyboardModifier.ControlModifier)


def test_forgetting_asks_and_is_answered_by_a_key(private):
    window, run, _ = private
    ask(window)
    assert run.told == [] and said(window) == question()
    QTest.keyClick(window, Qt.Key.Key_Backspace)
    assert run.told == [(120.0, False)] and "Deleted: the sound" in said(window)
    QTest.keyClick(window, Qt.Key.Key_Backspace)
    ask(window)
    ask(window)
    assert run.told == [(120.0, False), (120.0, True)] and "sound and images" in said(window)


def test_escape_and_time_leave_all_as_it_is(private):
    window, run, clock = private
    ask(window)
    QTest.keyClick(window, Qt.Key.Key_Escape)
    assert "Nothing was deleted" in said(window) and run.stops == 0
    ask(window)
    clock.advance(6)
    window.pull()
    assert said(window) == ""
    QTest.keyClick(window, Qt.Key.Key_Backspace)
    ask(window)
    assert run.told == [] and said(window) == question()


def test_a_run_that_records_nothing_says_so(open_window, manual_clock, qtbot):
    for run, word in ((PrivateScript(records=False), "nothing is being recorded"), (ScriptedRun([live()]), "could be")):
        window = open_window(run, clock=manual_clock)
        window.activateWindow()
        qtbot.waitUntil(window.isActiveWindow, timeout=5000)
        ask(window)
        if run.__class__ is PrivateScript:
            ask(window)
        assert word in said(window)
        if run.__class__ is ScriptedRun:
            QTest.keyClick(window, Qt.Key.Key_M)
            assert "could be muted" in said(window)
