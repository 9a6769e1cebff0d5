"""The rooms' rules hold, and the checks that keep them bite."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("assistant", "plugins", "trainer", "ui")
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(LINT_IMPORTS), "--no-cache", "--no-logo"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def copied_rooms(tmp_path: Path) -> Path:
    """A copy of all rooms that a test may spoil."""
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__", "*.onnx"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_rules_hold_in_an_unspoilt_copy(copied_rooms: Path) -> None:
    result = lint(copied_rooms)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 broken" in result.stdout


@pytest.mark.parametrize(
    ("room_file", "forbidden"),
    [
        ("assistant/decision.py", "import ui.app"),
        ("assistant/latest_slot.py", "import torch"),
        ("assistant/preprocess.py", "from PyQt6 import QtGui"),
        ("plugins/sources/file.py", "import assistant.pipeline"),
        ("plugins/backends/openvino.py", "import plugins.backends.onnxruntime"),
        ("ui/app.py", "import plugins.sources.file"),
        ("trainer/config.py", "import ui.app"),
    ],
)
def test_a_forbidden_import_is_found(copied_rooms: Path, room_file: str, forbidden: str) -> None:
    spoilt = copied_rooms / room_file
    spoilt.write_text(spoilt.read_text() + f"\n\ndef _spoilt() -> None:\n    {forbidden}\n")
    result = lint(copied_rooms)
    assert result.returncode != 0
    assert "BROKEN" in result.stdout, result.stdout


def dynamic_imports(path: Path) -> list[str]:
    """Calls in ``path`` that import by a computed name."""
    calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    names = {func.id for func in calls if isinstance(func, ast.Name)}
    attributes = {func.attr for func in calls if isinstance(func, ast.Attribute)}
    found = names & {"__import__", "exec", "eval"}
    found |= (names | attributes) & {"import_module", "spec_from_file_location"}
    if "entry_points" in names | attributes and "load" in attributes:
        found.add("load")
    return sorted(found)


def test_only_the_plugin_loader_imports_by_computed_names() -> None:
    found = {
        str(path.relative_to(ROOT)): names
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if (names := dynamic_imports(path))
    }
    assert set(found) <= {"assistant/plugin_loader.py"}, found
    assert "load" in dynamic_imports(ROOT / "assistant/plugin_loader.py"), "the check sees what it is meant to see"


def test_help_is_quick_because_heavy_packages_wait_until_used() -> None:
    heavy = {"torch", "PyQt6", "openvino", "onnxruntime", "onnx", "monai", "sounddevice", "scipy.signal", "matplotlib"}
    script = (
        "import sys\n"
        "sys.argv = ['sonocue', '--help']\n"
        "import assistant.cli\n"
        "try:\n    assistant.cli.main()\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        "print(*sys.modules, file=sys.stderr)\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not heavy & set(result.stderr.split()), heavy & set(result.stderr.split())
