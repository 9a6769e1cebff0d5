"""Plugins are found by name, ours and a stranger's alike; what is wrong with one is one line."""

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from assistant.contracts import Device
from assistant.errors import PluginError
from assistant.plugin_loader import load_entry_point, load_plugin, plugin_names


def test_an_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(PluginError, match=r"no source is called 'oracle': there are .*file.*phantom"):
        load_plugin("sonocue.sources", "oracle")


def test_our_plugins_load() -> None:
    for name in plugin_names("sonocue.sources"):
        assert callable(load_plugin("sonocue.sources", name))
    device = load_plugin("sonocue.sources", "file")("missing.mp4", paced=False)
    assert isinstance(device, Device), "creating touches nothing yet"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("import torch_that_is_not_there", "pip install torch_that_is_not_there"),
        ("1 / 0", "failed at import: ZeroDivisionError"),
    ],
)
def test_a_plugin_that_cannot_be_imported_is_one_line(
    source: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"strange_plugin_{len(source)}"
    (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PluginError, match=says):
        load_entry_point(EntryPoint("strange", f"{name}:create", "sonocue.sources"))


def test_a_strangers_package_brings_a_source(tmp_path: Path) -> None:
    """A package of its own, installed beside ours, is found by its entry point."""
    metadata = tmp_path / "stranger-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[sonocue.sources]\nstrange = stranger:create\n")
    (tmp_path / "stranger.py").write_text("def create(argument, *, paced):\n    return argument.upper()\n")
    call = "load_plugin('sonocue.sources', 'strange')('x', paced=True)"
    script = f"from assistant.plugin_loader import load_plugin; print({call})"
    result = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "X"


def test_a_missing_extra_is_named(tmp_path: Path) -> None:
    """Where torch is not installed, the command says which extra brings it."""
    script = (
        "import sys\n"
        "sys.modules['openvino'] = None\n"
        "from importlib.metadata import EntryPoint\n"
        "from assistant.plugin_loader import load_entry_point\n"
        "(__import__('pathlib').Path(sys.argv[1]) / 'needs_it.py').write_text('import openvino')\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "load_entry_point(EntryPoint('needs_it', 'needs_it:create', 'sonocue.backends'))\n"
    )
    result = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=False)
    assert "pip install 'sonocue[live]'" in result.stderr
