"""The planes of the class lists that we ship, for Qt's collector to find: a model names them, ``words`` shows them."""

from __future__ import annotations

from PyQt6.QtCore import QT_TRANSLATE_NOOP

PLANE_NAMES = (
    QT_TRANSLATE_NOOP("Planes", "transcerebellar brain"),
    QT_TRANSLATE_NOOP("Planes", "transventricular brain"),
    QT_TRANSLATE_NOOP("Planes", "transthalamic brain"),
    QT_TRANSLATE_NOOP("Planes", "lips"),
    QT_TRANSLATE_NOOP("Planes", "profile"),
    QT_TRANSLATE_NOOP("Planes", "abdomen"),
    QT_TRANSLATE_NOOP("Planes", "kidneys"),
    QT_TRANSLATE_NOOP("Planes", "femur"),
    QT_TRANSLATE_NOOP("Planes", "coronal spine"),
    QT_TRANSLATE_NOOP("Planes", "sagittal spine"),
    QT_TRANSLATE_NOOP("Planes", "four-chamber view"),
    QT_TRANSLATE_NOOP("Planes", "three-vessel view"),
    QT_TRANSLATE_NOOP("Planes", "LVOT"),
    QT_TRANSLATE_NOOP("Planes", "RVOT"),
    QT_TRANSLATE_NOOP("Planes", "maternal cervix"),
    QT_TRANSLATE_NOOP("Planes", "background"),
)
