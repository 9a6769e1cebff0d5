"""What is drawn over an image is found and painted out; what is not drawn stays; what cannot be mended is refused."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from plugins.phantom.scan import FPS, Scan
from plugins.phantom.settings import ScanSettings
from trainer.burned_in import Cleaned, Rejection, clean, find_drawn


@pytest.fixture(scope="module")
def measured():
    """Screens of the software scanner with true measurements, and the same without: ``[(shown, bare)]``, the sector."""
    pairs = []
    for seed in (901, 903):
        scan = Scan(ScanSettings(seed, width_px=640, height_px=480, annotations="measured"))
        operator, renderer = scan.operator(), scan.renderer()
        frozen = (operator.at(quarter / 4) for quarter in range(4 * 240))
        seen = {}
        for moment in frozen:
            if moment.annotations:
                seen.setdefault(moment.annotations, moment)
        assert seen, "the software scanner measured nothing"
        top, left, bottom, right = scan.screen.sector_crop
        sector = np.s_[round(top * 480) : round(bottom * 480), round(left * 640) : round(right * 640)]
        for moment in list(seen.values())[:4]:
            grey = renderer.grey(moment.pose, moment.view, moment.body_s, round(moment.body_s * FPS))
            shown, bare = (scan.screen.show(grey, m)[sector] for m in (moment, replace(moment, annotations=())))
            pairs.append((shown, bare))
    return pairs


def test_measurements_of_the_software_scanner_are_found_and_painted_out(measured):
    drawn, found, before, after = 0, 0, 0.0, 0.0
    for shown, bare in measured:
        result = clean(shown)
        assert isinstance(result, Cleaned)
        truth = cv2.absdiff(shown, bare) > 40
        drawn, found = drawn + truth.sum(), found + (truth & result.found).sum()
        before += cv2.absdiff(shown, bare)[truth].sum()
        after += cv2.absdiff(result.image, bare)[truth].sum()
        np.testing.assert_array_equal(result.image[~result.found], shown[~result.found])
    assert drawn > 1000
    assert found / drawn > 0.9
    assert after / before < 0.2


def test_hardly_anything_is_found_where_nothing_is_drawn(measured):
    """The bare screens hold print beside the sector; in the middle of it there is none."""
    for _, bare in measured:
        height, width = bare.shape
        inside = find_drawn(bare)[height // 3 : 3 * height // 4, width // 3 : 2 * width // 3]
        assert inside.mean() < 0.005


def speckle(seed, size=(300, 400)):
    """Blurred noise as a beam makes it."""
    return np.clip(cv2.GaussianBlur(np.random.default_rng(seed).gamma(1.0, 60.0, size), (0, 0), 1.8), 0, 255).astype(
        np.uint8
    )


def test_a_clean_image_comes_back_as_it_was():
    image = speckle(0)
    result = clean(image)
    assert not result.found.any()
    np.testing.assert_array_equal(result.image, image)


def tinted(grey):
    """A bluish grey scale, as many machines have."""
    return np.stack([grey, grey, np.minimum(grey.astype(int) + grey // 5, 255).astype(np.uint8)], axis=2)


def test_dim_coloured_dots_are_found_in_a_tinted_image():
    image = tinted(speckle(1))
    dots = [(100 + 8 * k, 150 + k) for k in range(20)]
    for x, y in dots:
        image[y, x] = (110, 105, 20)
    result = clean(image)
    assert all(result.found[y, x] for x, y in dots)
    assert result.found.mean() < 0.01


def test_a_tint_alone_is_no_colour():
    assert not find_drawn(tinted(speckle(2))).any()


def test_a_boxed_word_goes_with_its_box():
    image = speckle(3) // 4
    image[20:36, 300:360] = 250
    cv2.putText(image, "G68", (304, 33), cv2.FONT_HERSHEY_SIMPLEX, 0.45, 0, 2)
    result = clean(image)
    assert result.image[20:36, 300:360].mean() < 60


@pytest.mark.parametrize("what", ["colour", "solid"])
def test_doppler_is_refused_by_name(what):
    image = tinted(speckle(4))
    cv2.ellipse(image, (200, 150), (60, 30), 20, 0, 360, (200, 20, 20) if what == "colour" else (250, 250, 250), -1)
    result = clean(image)
    assert isinstance(result, Rejection)
    assert ("coloured" in result.reason) if what == "colour" else ("solid bright patch" in result.reason)


def test_an_image_too_small_to_judge_is_refused():
    assert "30x20" in clean(np.zeros((20, 30), np.uint8)).reason


def test_real_screens_lose_their_print_and_keep_their_echoes(data_dir):
    file = data_dir / "sononet" / "example_images" / "BRAIN-TV.png"
    if not file.exists():
        pytest.skip(f"real test data is missing: no file {file}")
    image = cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB)
    result = clean(image)
    chroma = np.ptp(result.image[120:730].astype(int), axis=2)
    assert np.ptp(image[120:730].astype(int), axis=2).max() > 80  # a dotted ellipse in yellow
    assert chroma.max() < 60
    assert 0.005 < result.found.mean() < 0.05


def test_real_heads_without_annotations_stay_as_they_are(data_dir):
    files = sorted((data_dir / "hc18" / "train").glob("*_HC.png"))[::6]
    if not files:
        pytest.skip(f"real test data is missing: no images in {data_dir / 'hc18' / 'train'}")
    found = [find_drawn(cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)).mean() for file in files]
    assert max(found) < 0.01
    assert np.median(found) < 0.001
