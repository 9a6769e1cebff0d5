"""``make demo`` without a screen, as a user runs it: the main job on the software scanner and the default model."""

import json
import os
import subprocess
from pathlib import Path

import cv2
import pytest

from assistant.session.reader import SessionReader
from assistant.session.verify import verify_session

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(180)
def test_the_demo_records_guides_and_shows() -> None:
    """Counts that hold on any machine; how fast it is, is a matter of ``docs/performance.md``."""
    result = subprocess.run(
        ["make", "--no-print-directory", "demo"],
        cwd=ROOT, env=os.environ | {"HEADLESS": "1"}, capture_output=True, text=True, timeout=170, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    summary = json.loads(result.stdout.splitlines()[-1])
    assert summary["lost"] == 0
    assert summary["recorded"] == summary["captured"] > 200
    assert summary["guided"] > 100
    assert summary["faults"] == []
    assert summary["notices"] == [], "a phantom's model on phantom images needs no warning"

    session = ROOT / summary["session"]
    assert verify_session(session) == []
    reader = SessionReader(session)
    assert reader.header.origin == "phantom"
    kinds = {event.kind for event in reader.timeline()}
    assert kinds >= {"guidance", "gaze", "truth"}
    sound = reader.sound()
    assert sound is not None and abs(sound.samples).max() > 0.05, "the narration was recorded"
    picture = cv2.imread(str(ROOT / "demo" / "overlay.png"))
    assert picture is not None and picture.std() > 10
