"""No pixel of a name on a machine's screen passes the mask: real GE screens with names drawn over them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from assistant.contracts import Frame
from assistant.errors import ConfigError
from assistant.guarded_device import create_mask
from assistant.mask_layouts import MaskLayouts
from assistant.privacy_mask import PrivacyMask
from assistant.screen_layout import find_layout, glance_at

NAMES = (
    ((90, 20), "DOE JANE"), ((90, 45), "DOE^JANE 01.02.1985"), ((600, 25), "SMITH, ANNA-MARIA"), ((5, 120), "ID 4711"),
    ((820, 190), "MRN 123456"), ((20, 720), "Dr. X / JANE DOE"),
)  # fmt: skip
"""Over the banner, the settings, and the rims, where machines write names; x and y of the first letter's foot."""


@pytest.fixture(scope="module")
def screens(data_dir: Path) -> list[np.ndarray]:
    files = sorted((data_dir / "sononet" / "example_images").glob("*.png"))
    assert len(files) == 7
    return [cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB) for file in files]


def named(screen: np.ndarray, size: float, thick: int, grey: int, names=NAMES) -> tuple[np.ndarray, np.ndarray]:
    """The screen with names on it, and where these altered it."""
    written = screen.copy()
    for at, words in names:
        cv2.putText(written, words, at, cv2.FONT_HERSHEY_SIMPLEX, size, (grey,) * 3, thick, cv2.LINE_AA)
    return written, (written != screen).any(axis=2)


def test_no_pixel_of_a_name_is_left_in_the_first_frame(screens):
    for screen in screens:
        dim = (0.45, 1, 140, NAMES[:4]), (0.4, 1, 90, NAMES[:4])  # over echoes, such letters are not told from them
        for look in ((0.5, 1, 230), (0.6, 2, 255), (0.8, 2, 200), (1.2, 3, 230), *dim):
            written, letters = named(screen, *look)
            masked = PrivacyMask()(Frame(0, 0, written)).pixels
            assert letters.sum() > 1000
            assert not masked[letters].any(), look
            assert masked.any(axis=2).mean() > 0.45, "the image itself stays"


def test_what_stays_is_as_it_was_and_the_given_frame_is_left(screens):
    before = screens[0].copy()
    frame = Frame(7, 5, screens[0], 3)
    masked = PrivacyMask()(frame)
    assert (masked.index, masked.captured_ns, masked.stream) == (7, 5, 3)
    np.testing.assert_array_equal(frame.pixels, before)
    stays = masked.pixels.any(axis=2)
    np.testing.assert_array_equal(masked.pixels[stays], before[stays])
    layout = find_layout(glance_at(before), before.shape[:2])
    inside = cv2.erode(layout.mask(), np.ones((121, 121), np.uint8)) > 0
    assert stays[inside & (before > 20).any(axis=2)].mean() > 0.99, "of the echoes well inside, hardly any goes"


def test_no_name_is_left_after_the_layout_has_changed_in_mid_stream(screens):
    """The same size, another place of the sector: what was image becomes banner, in that very frame."""
    mask = PrivacyMask()
    for index in range(30):
        mask(Frame(index, index * 33_000_000, screens[4]))
    small = np.zeros_like(screens[3])
    small[300:667] = np.asarray(cv2.resize(screens[3], None, fx=1.0, fy=0.5))[:367]
    for at, words in (((200, 200), "DOE JANE 1985"), ((400, 260), "MRN 123456"), ((120, 120), "SMITH, ANNA")):
        cv2.putText(small, words, at, cv2.FONT_HERSHEY_SIMPLEX, 0.6, (220, 220, 220), 1, cv2.LINE_AA)
    assert small[:300].any()
    for index in range(30, 40):
        masked = mask(Frame(index, index * 33_000_000, small)).pixels
        assert not masked[:280].any()
        assert masked[420:600, 300:700].any()


def test_a_screen_without_an_image_is_black(screens):
    form = np.full((735, 975, 3), 200, np.uint8)
    cv2.putText(form, "DOE JANE", (200, 300), cv2.FONT_HERSHEY_SIMPLEX, 2, (0, 0, 0), 3)
    assert not PrivacyMask()(Frame(0, 0, form)).pixels.any()
    over_image = screens[2].copy()
    over_image[200:500, 200:700] = 90
    cv2.putText(over_image, "DOE JANE", (250, 350), cv2.FONT_HERSHEY_SIMPLEX, 1, (255, 255, 255), 1)
    mask = PrivacyMask()
    mask(Frame(0, 0, screens[2]))
    assert mask(Frame(1, 33_000_000, over_image)).pixels[300:370, 240:450].max() == 0, "a form over the image"


def test_grey_and_odd_sizes(screens):
    grey = cv2.cvtColor(screens[1], cv2.COLOR_RGB2GRAY)[:733, :971]
    written = np.ascontiguousarray(grey)
    cv2.putText(written, "DOE JANE", (90, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (230,), 1, cv2.LINE_AA)
    masked = PrivacyMask()(Frame(0, 0, written)).pixels
    assert masked.shape == (733, 971) and not masked[:30].any() and masked[300:500].any()
    for size in ((1, 1), (7, 3), (40, 2000), (2000, 40)):
        assert PrivacyMask()(Frame(0, 0, np.zeros(size, np.uint8))).pixels.shape == size


SCREENS = """
[[screen]]
name = "Voluson, room 3"
size_px = [735, 975]
keep_px = [[75, 80, 735, 880]]
hide_px = [[660, 800, 735, 880]]
"""


def test_rectangles_of_a_site_hold_and_other_sizes_are_found(screens, tmp_path):
    file = tmp_path / "screens.toml"
    file.write_text(SCREENS)
    mask = create_mask("rect", file)
    assert mask is not None
    white = np.full((735, 975), 255, np.uint8)
    kept = mask(Frame(0, 0, white)).pixels
    expected = np.zeros_like(white)
    expected[75:, 80:880] = 255
    expected[660:, 800:880] = 0
    np.testing.assert_array_equal(kept, expected)
    assert not mask(Frame(1, 1, np.full((735, 976), 255, np.uint8), 1)).pixels.any(), (
        "not in the file: found, here nothing"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "screen = 3",
        SCREENS + SCREENS,
        SCREENS.replace("735, 880]]", "735, 9800]]"),
        "[[screen]",
        "[[screen]]\nx = 1",
    ],
)
def test_a_file_of_screens_that_is_wrong_is_refused_in_one_line(tmp_path, text):
    file = tmp_path / "screens.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match="screens") as refused:
        MaskLayouts(file)
    assert "\n" not in str(refused.value)


def test_rect_needs_a_file_and_a_file_needs_rect(tmp_path):
    for setting, file in (("rect", None), ("auto", tmp_path / "s.toml")):
        with pytest.raises(ConfigError, match="go together"):
            create_mask(setting, file)
    with pytest.raises(ConfigError, match="cannot be read"):
        create_mask("rect", tmp_path / "missing.toml")
    assert create_mask("off", None) is None
