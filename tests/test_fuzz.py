"""A few hundred altered inputs for everything that reads bytes from outside; the long run is ``scripts/fuzz.py``.

Each is read, or refused in one line: no other exception, no hang, no unbounded memory, no death of the process.
"""

from __future__ import annotations

import json
import sys
import tomllib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.config import load_config
from assistant.contracts import TimelineEvent
from assistant.errors import ConfigError, SessionError, SonocueError
from assistant.session.timeline import decode_line, encode_line, gaze_sample, guidance_of, shifted
from tests.fuzzing.batch import run_batch
from tests.fuzzing.targets import TARGETS

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="bounds memory as Linux does")

INPUTS = 30


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_altered_inputs_are_read_or_refused_in_one_line(name):
    if name == "dicom":
        pytest.importorskip("pydicom", reason="the extra 'live' (pydicom) is not installed")
    if name == "openigtlink":
        pytest.importorskip("pyigtl", reason="the extra 'live' (pyigtl) is not installed")
    if name == "model":
        pytest.importorskip("onnxruntime", reason="the extra 'live' (onnxruntime) is not installed")
    outcome = run_batch(name, 0, INPUTS)
    assert outcome.inputs == INPUTS
    assert not outcome.findings, "\n".join(f"{index}: {said}" for index, said in outcome.findings.items())


FOUND = [
    ("settings", 147), ("settings", 189), ("session", 115), ("session", 23), ("session", 7), ("model", 160),
    ("dicom", 11), ("dicom", 116), ("dicom", 233), ("tracked", 4), ("stream", 126), ("stream", 162), ("stream", 298),
    ("file", 1549), ("stills", 204),
]  # fmt: skip
"""Inputs that met something once: nested brackets, missing facts, damaged headers, huge lengths, FFmpeg's errors."""


@pytest.mark.parametrize("name", sorted({name for name, _ in FOUND}))
def test_what_was_found_once_is_mended(name):
    for index in (index for target, index in FOUND if target == name):
        assert not run_batch(name, index, 1).findings, index


def test_the_fuzzer_sees_an_exception_a_long_word_and_a_death(tmp_path, monkeypatch):
    """A target that misbehaves on purpose, in the real child."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "if 'tests.fuzzing.child' in ' '.join(sys.orig_argv):\n"
        "    import threading\n"
        "    from assistant import config\n"
        "    calls = [0]\n"
        "    def load(file, overrides):\n"
        "        calls[0] += 1\n"
        "        if calls[0] == 3: raise KeyError('x')\n"
        "        if calls[0] == 4: os.abort()\n"
        "    config.load_config = load\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path(__file__).resolve().parents[1]}")
    outcome = run_batch("settings", 0, 5)
    assert outcome.inputs == 5
    assert "KeyError" in outcome.findings[1]
    assert "died with status -6" in outcome.findings[2]


facts = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = ("frame_index", "stream", "scene", "ready_ns", "model_id", "plane", "top", "confidence", "abstention")
GUIDANCE = (*NAMES, "probabilities", "gaze_rect_px", "gaze_map", "x_px", "y_px", "valid", "device_x", "device_y")


@settings(max_examples=150)
@given(st.integers(), st.sampled_from(["guidance", "gaze"]), st.dictionaries(st.sampled_from(GUIDANCE), facts))
def test_any_facts_of_a_line_are_read_or_refused(captured_ns, kind, data):
    event = decode_line(encode_line(TimelineEvent(captured_ns, kind, data)))
    assert shifted(event, 5).captured_ns == captured_ns + 5
    for read in (guidance_of, gaze_sample):
        with suppress(SessionError):
            read(event)


@settings(max_examples=100)
@given(facts)
def test_any_json_is_a_line_or_a_value_error(value):
    with suppress(ValueError):
        decode_line(json.dumps(value))


@settings(max_examples=100)
@given(st.text(max_size=60) | st.binary(max_size=60))
def test_any_text_is_a_config_or_refused(tmp_path_factory, content):
    file = tmp_path_factory.getbasetemp() / "any.toml"
    file.write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
    with suppress(ConfigError):
        load_config(file, {})
        tomllib.loads(file.read_text())  # what is taken is TOML


def test_a_message_is_one_line_of_bounded_length():
    assert str(SonocueError("a\nb\x00\u2028c")) == "a b c"
    long = str(SonocueError("x" * 5000 + "end"))
    assert len(long) < 1000 and long.endswith("end")
