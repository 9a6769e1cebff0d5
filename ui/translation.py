"""The language of the windows: Qt's own machinery, with the compiled file in ``translations/``. On Qt's main thread.

Every word for people goes through ``translate`` with a text that stands there literally, for Qt's collector to find
(``make translations``). A table that is made at import holds English, marked by ``QT_TRANSLATE_NOOP``, and is
translated where it is painted.
"""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtCore import QCoreApplication, QLibraryInfo, QLocale, QTranslator

LANGUAGES = {"en": "English", "de": "Deutsch"}
FOLDER = Path(__file__).parent / "translations"


def translate(context: str, text: str) -> str:
    """``text`` in the language of the windows; as it is where nobody has translated it."""
    return QCoreApplication.translate(context, text)


def decimal(value: float, digits: int) -> str:
    """A number with so many digits behind the point, or the comma, as the language has it."""
    return QLocale().toString(float(value), "f", digits)


def choose_language(application: QCoreApplication, language: str | None) -> str:
    """Speak a language from now on; widgets that stand already keep theirs.

    Args:
        application: Qt's.
        language: ``en`` or ``de``; None: the system's, English where that is neither.

    Returns:
        The language that is spoken.
    """
    for before in application.findChildren(QTranslator):
        application.removeTranslator(before)
        before.setParent(None)
    spoken = language or _system_language()
    QLocale.setDefault(QLocale(spoken) if spoken != "en" else QLocale.c())
    if spoken != "en":
        qt_folder = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
        for name, folder in ((f"qtbase_{spoken}", qt_folder), (f"sonocue_{spoken}", str(FOLDER))):
            translator = QTranslator(application)
            if translator.load(name, folder):
                application.installTranslator(translator)
    return spoken


def _system_language() -> str:
    for name in QLocale.system().uiLanguages():
        language = name.partition("-")[0]
        if language in LANGUAGES:
            return language
    return "en"
