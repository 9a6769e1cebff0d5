"""The words across the window have room, whatever they are."""

from PyQt6.QtGui import QFont, QFontMetricsF

from tests.ui.conftest import discard
from ui import theme
from ui.banners import Banners
from ui.words import Banner


def test_a_long_heading_is_not_cut_off(qtbot):
    shown = Banners()
    shown.resize(1200, 200)
    shown.show_banners((Banner("fault", "Cannot be opened at all", "why"), Banner("info", "Note", "what")))
    font = QFont(shown.font())
    font.setPixelSize(round(1.4 * theme.em(shown)))
    font.setBold(True)
    needed = QFontMetricsF(font).horizontalAdvance("Cannot be opened at all")
    assert shown._word_width() - 2.9 * theme.em(shown) > needed
    discard(shown)
