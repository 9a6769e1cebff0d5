"""The planes and checklist items of the lists that we ship, for Qt's collector to find; ``words`` shows them."""

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

CHECKLIST_NAMES = (
    QT_TRANSLATE_NOOP("Planes", "head: ventricle and cavum"),
    QT_TRANSLATE_NOOP("Planes", "head: cerebellum"),
    QT_TRANSLATE_NOOP("Planes", "neck: skin fold"),
    QT_TRANSLATE_NOOP("Planes", "face: lips"),
    QT_TRANSLATE_NOOP("Planes", "chest: lungs"),
    QT_TRANSLATE_NOOP("Planes", "heart: side and position"),
    QT_TRANSLATE_NOOP("Planes", "heart: four chambers"),
    QT_TRANSLATE_NOOP("Planes", "heart: left outflow"),
    QT_TRANSLATE_NOOP("Planes", "heart: right outflow"),
    QT_TRANSLATE_NOOP("Planes", "heart: three vessels and trachea"),
    QT_TRANSLATE_NOOP("Planes", "abdomen: stomach"),
    QT_TRANSLATE_NOOP("Planes", "abdomen: wall and cord insertion"),
    QT_TRANSLATE_NOOP("Planes", "abdomen: diaphragm"),
    QT_TRANSLATE_NOOP("Planes", "abdomen: bowel"),
    QT_TRANSLATE_NOOP("Planes", "abdomen: kidneys"),
    QT_TRANSLATE_NOOP("Planes", "abdomen: bladder"),
    QT_TRANSLATE_NOOP("Planes", "spine: length and skin"),
    QT_TRANSLATE_NOOP("Planes", "spine: across its width"),
    QT_TRANSLATE_NOOP("Planes", "limbs: femur"),
    QT_TRANSLATE_NOOP("Planes", "limbs: lower legs and feet"),
    QT_TRANSLATE_NOOP("Planes", "limbs: arms and hands"),
    QT_TRANSLATE_NOOP("Planes", "placenta and fluid"),
)
CHECKLIST_TITLES = (QT_TRANSLATE_NOOP("Start", "20-week screening scan (after NHS FASP)"),)
