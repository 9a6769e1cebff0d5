"""What the window says, from snapshots alone."""

import pytest

from assistant.contracts import Abstention
from tests.ui.scripted_run import frame_of, guidance_for, sector_image, snapshot_of
from ui.words import Banner, banners, display_name, elapsed, grouped, statement

FRAME = frame_of(sector_image(60, 80))


def said(plane, **changes):
    return statement(snapshot_of(FRAME, guidance_for(FRAME, plane, **changes)))


def test_a_plane_is_named_with_confidence_and_age():
    now = said("four-chamber view", confidence=0.934)
    assert (now.kind, now.headline, now.confidence, now.age_ms) == ("plane", "Four-chamber view", 93, 38)


@pytest.mark.parametrize("reason", Abstention)
def test_an_abstention_says_so_and_names_no_plane(reason):
    now = said(None, confidence=0.41, abstention=reason)
    assert now.kind == "abstains"
    assert "abstains" in now.kicker
    assert now.detail
    assert "lips" not in f"{now}".lower(), "the best guess must not stand on the screen"
    assert (now.confidence is None) == (reason is not Abstention.LOW_CONFIDENCE)


def test_each_mode_of_the_screen_is_named_in_large_words():
    reasons = list(Abstention)
    modes = reasons[reasons.index(Abstention.TWO_IMAGES) :]
    headlines = [said(None, abstention=mode).headline.lower() for mode in modes]
    assert headlines == [str(mode).lower() for mode in modes]


def test_background_is_no_plane():
    assert said("background").kind == "background"
    assert said("background").headline == "No standard plane"


def test_a_class_outside_the_examination_is_not_a_plane_of_it():
    now = said("placenta")
    assert (now.kind, now.headline) == ("background", "Placenta")


def test_without_guidance_nothing_is_claimed():
    now = statement(snapshot_of(FRAME))
    assert (now.kind, now.confidence, now.age_ms) == ("silent", None, None)
    assert "No model" in statement(snapshot_of(FRAME, planes=())).detail
    assert statement(snapshot_of(None)).headline == "Waiting for video"


def test_faults_come_first_and_many_are_counted():
    now = snapshot_of(FRAME, faults=tuple("abcde"), notices=("trained on the software scanner",), ended=True)
    words = banners(now, stopping=True)
    assert [banner.text for banner in words[:4]] == ["a", "b", "c", "and 2 more"]
    assert [banner.severity for banner in words] == ["fault"] * 4 + ["info", "caution"]
    assert "wrong" in words[4].text


def test_the_end_is_told_from_stopping():
    assert banners(snapshot_of(FRAME), stopping=False) == ()
    (stopping,) = banners(snapshot_of(FRAME), stopping=True)
    (ended,) = banners(snapshot_of(FRAME, ended=True), stopping=True)
    assert isinstance(stopping, Banner)
    assert (stopping.word, ended.word) == ("Stopping", "Ended")


def test_a_frozen_image_is_said_and_is_no_fault():
    (frozen,) = banners(snapshot_of(FRAME, frozen=True), stopping=False)
    assert (frozen.severity, frozen.word) == ("info", "Frozen")
    assert "about this image" in frozen.text
    ended = banners(snapshot_of(FRAME, frozen=True, ended=True), stopping=False)
    assert [said.word for said in ended] == ["Ended"]


def test_numbers_as_words():
    assert elapsed(3 * 3600 + 62.9) == "3:01:02"
    assert elapsed(-1) == "0:00:00"
    assert grouped(1234567).split("\N{THIN SPACE}") == ["1", "234", "567"]
    assert [display_name(name) for name in ("LVOT", "four-chamber view", "")] == ["LVOT", "Four-chamber view", ""]
