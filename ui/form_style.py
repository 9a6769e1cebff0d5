"""How the controls of the start page look: the colours of ``theme`` for Qt's own style. On Qt's main thread."""

from __future__ import annotations

from PyQt6.QtGui import QPalette
from PyQt6.QtWidgets import QLabel, QWidget

from ui import theme


def form_palette(before: QPalette) -> QPalette:
    """Dark, with the accent for what is chosen or has the focus."""
    palette, role = QPalette(before), QPalette.ColorRole
    for which, ink in (
        (role.Window, theme.GROUND),
        (role.Base, theme.RAISED),
        (role.AlternateBase, theme.SURFACE),
        (role.Button, theme.RAISED),
        (role.Text, theme.TEXT),
        (role.WindowText, theme.TEXT),
        (role.ButtonText, theme.TEXT),
        (role.BrightText, theme.TEXT),
        (role.PlaceholderText, theme.MUTED),
        (role.ToolTipBase, theme.RAISED),
        (role.ToolTipText, theme.TEXT),
        (role.Highlight, theme.ACCENT),
        (role.HighlightedText, theme.GROUND),
        (role.Accent, theme.ACCENT),
    ):
        palette.setColor(which, ink)
    for which in (role.Text, role.WindowText, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, which, theme.MUTED)
    return palette


def form_style(unit: int) -> str:
    """What a palette cannot say, for letters of ``unit`` pixels: headings, the card, the message, the start button."""
    surface, line, muted = theme.SURFACE.name(), theme.LINE.name(), theme.MUTED.name()
    ground, text, accent, caution = theme.GROUND.name(), theme.TEXT.name(), theme.ACCENT.name(), theme.CAUTION.name()
    small, round_px = round(0.4 * unit), round(0.9 * unit)
    return f"""
        QLabel#muted {{ color: {muted}; }}
        QLabel#heading {{ color: {muted}; font-weight: bold; }}
        QLabel#title {{ font-size: {round(1.7 * unit)}px; font-weight: bold; }}
        QLabel#disclaimer {{ color: {caution}; font-weight: bold; border: 1px solid {caution};
            border-radius: {round_px}px; padding: {small}px {unit}px; }}
        QLabel#message {{ background: {theme.CAUTION_GROUND.name()}; border-left: {small}px solid {caution};
            padding: {round(0.6 * unit)}px; }}
        QLabel#message[severity="info"] {{ background: {theme.INFO_GROUND.name()};
            border-left: {small}px solid {accent}; }}
        QWidget#card {{ background: {surface}; border-radius: {round(0.6 * unit)}px; }}
        QListWidget {{ border: 2px solid {line}; border-radius: {small}px; }}
        QListWidget:focus {{ border-color: {accent}; }}
        QListWidget::item {{ padding: {round(0.25 * unit)}px; color: {text}; }}
        QListWidget::item:selected {{ background: {line}; }}
        QPushButton#start {{ background: {accent}; color: {ground}; font-weight: bold; border-radius: {small}px;
            font-size: {round(1.4 * unit)}px; border: 3px solid {accent}; padding: {small}px; }}
        QPushButton#start:disabled {{ background: {line}; color: {muted}; border-color: {line}; }}
        QPushButton#start:focus {{ border-color: {text}; }}
    """


def heading(text: str, parent: QWidget) -> QLabel:
    """Words above a group of controls."""
    label = QLabel(text, parent)
    label.setObjectName("heading")
    return label
