"""The real window on a real X server, over a live run: what a user sees after ``sonocue live``."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np

from assistant.model_contracts import ModelBundle
from tests.sonocue_command import run_sonocue

ARTEFACTS = Path(__file__).parents[1] / "artefacts"


def test_live_guidance_is_painted_over_the_image(
    data_dir: Path, tiny_bundle: ModelBundle, tmp_path: Path, display: str
) -> None:
    """The screenshot holds the film's image, and over it the gaze map's colours; the session holds every frame."""
    film = data_dir / "us_video" / "clarius-ocular-short.mp4"
    status, out, err = run_sonocue(
        "live", "--source", f"file:{film}", "--model", tiny_bundle.path, "--seconds", 1.5,
        "--mask", "off",  # the mask takes a part of this film's skin line, and then it is read as two images
        "--screenshot", "window.png", "--json", folder=tmp_path, env={"QT_QPA_PLATFORM": "xcb", "DISPLAY": display},
    )  # fmt: skip
    assert status == 0, err
    summary = json.loads(out)
    assert summary["captured"] == summary["recorded"] > 10
    assert summary["lost"] == 0
    assert summary["guided"] > 0
    picture = cv2.imread(str(tmp_path / "window.png"))
    ARTEFACTS.mkdir(exist_ok=True)
    shutil.copy(tmp_path / "window.png", ARTEFACTS / "live_window.png")
    height, width = picture.shape[:2]
    assert height >= 600 and width >= 800
    image = picture[height // 10 : -height // 10, width // 20 : width // 2].astype(int)
    assert image.max() > 150, "the film is seen"
    colourful = np.abs(image - image.mean(axis=2, keepdims=True)).max(axis=2) > 20
    assert colourful.mean() > 0.02, "the film is grey: colours come from the gaze map"
