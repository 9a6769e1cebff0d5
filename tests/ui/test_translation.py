"""The windows in German: nothing is missing, nothing escapes, and what is loaded is what was written."""

import ast
import re
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from PyQt6.QtCore import QLocale, QTranslator
from PyQt6.QtWidgets import QAbstractButton, QApplication, QLabel

from assistant.contracts import Abstention
from tests.ui.conftest import discard
from tests.ui.scripted_run import IMAGE, ScriptedRun, frame_of, guidance_for, live, snapshot_of
from ui import previews
from ui.checklist import Checklist
from ui.engine_words import engine_says
from ui.plane_card import PlaneCard
from ui.remembered import Remembered
from ui.run_facts import RunFacts
from ui.start_page import StartPage
from ui.translation import FOLDER, LANGUAGES, choose_language, decimal, translate
from ui.words import display_name, statement

ROOM = Path(__file__).resolve().parents[2] / "ui"
SOURCES = sorted(ROOM.rglob("*.py"))


def messages(file):
    """Context, source, translation and whether it is finished, of each message of a ``.ts`` file."""
    for context in ElementTree.parse(file).getroot().iter("context"):  # noqa: S314 - our own file
        for message in context.iter("message"):
            translation = message.find("translation")
            name, source = context.findtext("name"), message.findtext("source")
            yield name, source, translation.text or "", translation.get("type") is None


NO_WINDOW = ("form_style.py", "display.py", "place.py", "bench_ui.py", "bench_child.py")
"""A style sheet; errors before there is a window; a command for developers."""
IN_WINDOWS = [file for file in SOURCES if file.name not in NO_WINDOW]
GERMAN = list(messages(FOLDER / "sonocue_de.ts"))


@pytest.fixture
def german(display):
    application = QApplication.instance()
    choose_language(application, "de")
    yield
    choose_language(application, "en")


def test_every_text_is_finished_in_german():
    assert len(GERMAN) > 200
    assert [(context, source) for context, source, text, finished in GERMAN if not (finished and text)] == []


def test_the_file_holds_the_texts_of_the_program_and_no_others(tmp_path):
    """Else ``make translations`` was forgotten."""
    fresh = tmp_path / "fresh.ts"
    collect = [sys.executable, "-m", "PyQt6.lupdate.pylupdate", "--ts", str(fresh), *map(str, SOURCES)]
    subprocess.run(collect, check=True, capture_output=True, timeout=60)
    collected = {(context, source) for context, source, _, _ in messages(fresh)}
    assert {(context, source) for context, source, _, _ in GERMAN} ^ collected == set()


def test_the_compiled_file_says_what_the_written_one_says():
    compiled = QTranslator()
    assert compiled.load("sonocue_de", str(FOLDER))
    for context, source, text, _ in GERMAN:
        assert compiled.translate(context, source) == text, "make translations"


def test_what_is_filled_in_is_the_same_in_both_languages():
    for _, source, text, _ in GERMAN:
        assert sorted(re.findall(r"\{\w+\}", source)) == sorted(re.findall(r"\{\w+\}", text)), source
        assert source.count("&") == text.count("&"), source
        assert (source[:1] == " ", source[-1:] == " ") == (text[:1] == " ", text[-1:] == " "), source


def test_every_shipped_plane_and_item_has_a_german_name():
    known = {source for context, source, _, _ in GERMAN if context == "Planes"}
    for file in sorted((ROOM.parent / "assistant" / "protocols").glob("*.toml")):
        data = tomllib.loads(file.read_text(encoding="utf-8"))
        names = {entry["name"] for entry in [*data.get("class", ()), *data.get("item", ())]}
        assert names, file
        assert names <= known, f"{file.name}: ui/plane_names.py lacks {names - known}"


# Nothing escapes ----------------------------------------------------------------------------------------------------

_NOT_WORDS = {"Sonocue", "Return", "Enter", "Esc", "Ctrl+Q", "Left", "Right", "Up", "Down", "Space", "PgDown", "Mouse",
              "Gamepad", "F1", "Shift+Up", "Shift+Down", "English", "Deutsch", "Planes", "Library",
              "Application Support", "AppData", "Roaming", "Words", "APPDATA", "XDG_CONFIG_HOME", "H", "O", "S",
              "F", "Q", "N", "U", "not obtainable"}  # fmt: skip
"""Keys, folders, contexts, states and actions by name, languages' own names, and the program's."""


_KEY = re.compile(r"((Ctrl|Shift)[+ ]).+|Home|End|Del|Backspace")


class Escaped(ast.NodeVisitor):
    """Strings that look like words for people and do not go through the translation."""

    def __init__(self):
        self.found = []

    def visit_Call(self, node):
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if name in ("translate", "tr", "QT_TRANSLATE_NOOP", "setStyleSheet", "setObjectName", "getenv", "TypeVar"):
            return
        self.generic_visit(node)

    def visit_Raise(self, node):
        """Errors speak English, on standard error; but those that a page shows are made with the translation."""

    def visit_Expr(self, node):
        if not isinstance(node.value, ast.Constant):  # a docstring
            self.generic_visit(node)

    def visit_AnnAssign(self, node):
        if node.value is not None:
            self.visit(node.value)

    def visit_FunctionDef(self, node):
        for child in node.body:
            self.visit(child)

    def visit_Subscript(self, node):
        self.visit(node.value)

    def visit_Constant(self, node):
        text = node.value
        if not isinstance(text, str) or text in _NOT_WORDS:
            return
        if _KEY.fullmatch(text):
            return
        words = re.sub(r"\{[^}]*\}|<[^>]*>?|&\w+;", "", text)
        if re.search(r"[A-Za-z]{2,} [A-Za-z]{2,}", words) or re.match(r"[A-Z][a-z]{2,}", words.strip()):
            self.found.append((node.lineno, text))


@pytest.mark.parametrize("file", IN_WINDOWS, ids=lambda file: str(file.relative_to(ROOM)))
def test_no_words_escape_the_translation(file):
    visitor = Escaped()
    visitor.visit(ast.parse(file.read_text(encoding="utf-8")))
    assert visitor.found == []


def test_the_search_for_escaped_words_finds_them():
    program = [
        'label.setText("Not translated")', 'text = f"the {x} is wrong"', 'TABLE = {1: "Two words"}',
        'label.setText(translate("Start", "Is translated"))', 'name = "identifier"', 'raise ValueError("in English")',
    ]  # fmt: skip
    visitor = Escaped()
    visitor.visit(ast.parse("\n".join(program)))
    assert [text for _, text in visitor.found] == ["Not translated", " is wrong", "Two words"]


# German windows -----------------------------------------------------------------------------------------------------


def test_the_live_window_speaks_german(german, open_window, manual_clock):
    window = open_window(ScriptedRun([live("four-chamber view", fps=29.9), live(None, number=2)]), clock=manual_clock)
    window.pull()
    assert "Standardebene: Vierkammerblick" in window.findChild(PlaneCard).accessibleName()
    assert "3 von 13 gesehen" in window.findChild(Checklist).accessibleName()
    assert "Bild 29,9 B/s" in window.findChild(RunFacts).accessibleDescription()
    window.pull()
    assert "Modell enthält sich: Nicht sicher" in window.findChild(PlaneCard).accessibleName()


@pytest.mark.parametrize("reason", Abstention)
def test_each_abstention_has_german_words(german, reason):
    frame = frame_of(IMAGE)
    said = statement(snapshot_of(frame, guidance_for(frame, None, abstention=reason)))
    texts = {text for context, _, text, _ in GERMAN if context == "Words"}
    assert {said.kicker, said.headline, said.detail} <= texts


def test_faults_of_the_engine_are_said_in_german_as_far_as_they_are_known(german):
    assert engine_says("no signal from phantom: 1") == "Kein Signal von phantom: 1"
    nested = engine_says("recording lost 12 frames: the disk or processor does not keep up with recording")
    assert nested.startswith("12 Bilder konnten nicht")
    assert "Festplatte" in nested
    assert engine_says("something new {x}") == "something new {x}"


def test_the_start_page_speaks_german_and_each_letter_leads_to_one_control(german, qtbot, monkeypatch, tmp_path):
    monkeypatch.setattr(previews, "MOST", 0)
    monkeypatch.chdir(tmp_path)
    page = StartPage(Remembered())
    assert page.start.text() == "&Starten"
    texts = [label.text() for label in page.findChildren(QLabel)]
    texts += [button.text() for button in page.findChildren(QAbstractButton)]
    letters = [text[text.index("&") + 1].lower() for text in texts if "&" in text]
    assert len(letters) > 10
    assert len(set(letters)) == len(letters), sorted(letters)
    page.wait_left()
    discard(page)


def test_a_language_is_left_again(display):
    application = QApplication.instance()
    assert choose_language(application, "de") == "de"
    assert (translate("Words", "Standard plane"), decimal(1.5, 1)) == ("Standardebene", "1,5")
    assert display_name("femur") == "Femur"
    assert choose_language(application, "en") == "en"
    assert (translate("Words", "Standard plane"), decimal(1.5, 1)) == ("Standard plane", "1.5")
    assert application.findChildren(QTranslator) == []


def test_without_a_wish_the_system_decides(display, monkeypatch):
    application = QApplication.instance()
    for languages, spoken in ((["de-AT", "de"], "de"), (["fr-FR", "de-DE"], "de"), (["fr-FR"], "en"), ([], "en")):
        monkeypatch.setattr(QLocale, "uiLanguages", lambda _self, languages=languages: languages)
        assert choose_language(application, None) == spoken
    monkeypatch.undo()
    choose_language(application, "en")
    assert set(LANGUAGES) == {"en", "de"}
