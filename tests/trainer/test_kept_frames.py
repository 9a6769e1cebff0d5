"""Frames as they are kept: marks painted out at the resolution of capture, or the frame left out and told."""

import cv2
import numpy as np

from tests.trainer.media import write_dicom, write_video
from trainer.config import DataConfig, TrainConfig
from trainer.kept_frames import WHOLE_IMAGE, KeptFrames
from trainer.prepare import prepare

SIZE = (240, 320)
CONFIG = DataConfig(height_px=64, width_px=96)


def tissue(seed):
    """Blurred speckle, which no rule takes for strokes."""
    noise = np.random.default_rng(seed).rayleigh(1.0, SIZE)
    return np.clip(40 * cv2.GaussianBlur(noise, (0, 0), 3), 0, 160).astype(np.uint8)


def calipers(image):
    """Two crosses and a reading, as machines burn them in."""
    marked = image.copy()
    for x, y in ((90, 80), (210, 150)):
        cv2.line(marked, (x - 6, y), (x + 6, y), 255)
        cv2.line(marked, (x, y - 6), (x, y + 6), 255)
    cv2.putText(marked, "BPD 4.21cm", (60, 200), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 230, 1)
    return marked


def scribbled(image):
    """Lines all over."""
    marked = image.copy()
    marked[::6] = 255
    return marked


def plain(config=CONFIG):
    return KeptFrames(WHOLE_IMAGE, config.model_copy(update={"paint_out": False}))


def test_marks_are_painted_out_before_the_image_is_made_small():
    clear = tissue(0)
    make = KeptFrames(WHOLE_IMAGE, CONFIG)
    was, left = (np.abs(f(calipers(clear)).astype(int) - plain()(clear)).max() for f in (plain(), make))
    assert was > 60 and left < 20
    np.testing.assert_array_equal(make(clear), plain()(clear))
    assert make.notes == ()


def test_marks_beside_the_sector_are_nobodys_business():
    crop = (0.0, 0.0, 0.5, 1.0)
    image = tissue(1)
    image[121:] = scribbled(image)[121:]
    make = KeptFrames(crop, CONFIG)
    assert make.rect_px(*SIZE) == (0, 0, 120, 320)
    np.testing.assert_array_equal(make(image), KeptFrames(crop, CONFIG.model_copy(update={"paint_out": False}))(image))


def test_frames_with_too_much_of_it_are_left_out_and_told(tmp_path):
    clear = [tissue(seed) for seed in range(20)]
    images = [scribbled(image) if 4 <= i < 10 else calipers(image) for i, image in enumerate(clear)]
    write_dicom(tmp_path / "in" / "cine.dcm", np.stack(images), "MONOCHROME2")
    write_video(tmp_path / "in" / "scan.mkv", images, fps=10)
    write_video(tmp_path / "in" / "useless.mkv", [scribbled(image) for image in clear], fps=10)
    told = []
    settings = TrainConfig(data=CONFIG.model_copy(update={"frames_hz": 10.0}))
    prepared = prepare(
        tmp_path / "in", str(tmp_path / "out"), settings, lambda *line: told.append(line[2]), processes=1
    )
    for recording in prepared.recordings():
        np.testing.assert_allclose(recording.times_s, np.delete(np.arange(20), range(4, 10)) / 10, atol=0.011)
        for frame, i in zip(recording.frames, [*range(4), *range(10, 20)], strict=True):
            assert np.abs(frame.astype(int) - plain()(clear[i])).max() < 25, i
    assert len(prepared.recordings()) == 2
    assert sum("6 frames left out: much is drawn over" in line for line in told) == 2
    assert "20 frames left out: much is drawn over" in prepared.rejected["useless.mkv"]
