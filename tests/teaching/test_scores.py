"""Scores against sessions in which it is known who looked where, and what was on screen when."""

import pytest

from assistant.contracts import Abstention
from assistant.errors import SessionError
from assistant.teaching.scores import score_session

TRACKER = {"coordinates": "monitor"}
CHECKED = {"passed": True, "reason": "", "px_per_degree": 30.0, "accuracy_deg": 0.5, "precision_deg": 0.1}
CHECKED |= {"accuracy_px": 15.0, "precision_px": 3.0, "limit_deg": 1.5}


def test_gaze_on_the_predicted_place_scores_high_and_beside_it_low(make_session):
    on = score_session(make_session(tracker=TRACKER, calibration=CHECKED)).gaze
    beside = score_session(make_session(tracker=TRACKER, calibration=CHECKED, looks_at=(60.0, 200.0))).gaze
    assert on.reference == "prediction"
    assert on.nss > 3 > 0 > beside.nss
    assert on.cc > 0.6 > 0 > beside.cc
    assert len(on.windows) == 6
    assert on.samples == 6 * 60


def test_only_time_with_hidden_heatmap_and_b_mode_counts(make_session):
    path = make_session(tracker=TRACKER, calibration=CHECKED, hidden_at_s=2.0, last=Abstention.COLOUR_DOPPLER)
    scores = score_session(path)
    assert scores.counted_s == pytest.approx(3.0, abs=0.06)
    assert scores.left_out_s["predicted gaze shown"] == pytest.approx(2.0, abs=0.06)
    assert scores.left_out_s["colour Doppler"] == pytest.approx(0.95, abs=0.06)
    assert [window.at_s for window in scores.gaze.windows] == [2.5, 3.5, 4.5]
    unsure = score_session(make_session(last=Abstention.LOW_CONFIDENCE))
    assert unsure.counted_s == pytest.approx(5.95, abs=0.06), "merely unsure is no reason to leave time out"


def test_without_a_note_about_the_heatmap_nothing_counts(make_session):
    scores = score_session(make_session(tracker=TRACKER, calibration=CHECKED, hidden_at_s=None))
    assert scores.counted_s == 0
    assert scores.gaze is None
    assert scores.gaze_reason == "no time counts"


def test_planes_times_quality_and_what_was_missed(make_session):
    scores = score_session(make_session())
    by_name = {item.plane: item for item in scores.planes}
    abdomen, femur = by_name["abdomen"], by_name["femur"]
    assert scores.planes_by == "truth"
    assert abdomen.seen and abdomen.first_s == pytest.approx(1.0)
    assert abdomen.seconds == pytest.approx(4.45, abs=0.06)
    assert not femur.seen and femur.seconds == pytest.approx(0.5, abs=0.06), "half a second is too short"
    assert {"femur", "lips"} <= set(scores.missed) and "abdomen" not in scores.missed
    assert abdomen.quality.score == pytest.approx(0.75)
    assert abdomen.quality.tilt_deg == pytest.approx(10 - 5.95), "the least tilt among images of equal score"
    assert abdomen.quality.criteria == {"angle": True, "level": True}
    assert scores.narration_share is None and "microphone" in scores.narration_reason


@pytest.mark.parametrize(
    ("tracker", "calibration", "says"),
    [
        (None, None, "no eye tracker"),
        (TRACKER, None, "not checked"),
        (TRACKER, CHECKED | {"passed": False, "reason": "3 degrees beside"}, "3 degrees beside"),
    ],
)
def test_gaze_without_a_checked_tracker_is_not_scored(make_session, tracker, calibration, says):
    scores = score_session(make_session(tracker=tracker, calibration=calibration))
    assert scores.gaze is None
    assert says in scores.gaze_reason
    assert scores.planes, "planes are scored all the same"


def test_eyes_that_were_never_seen_give_no_figure(make_session):
    scores = score_session(make_session(tracker=TRACKER, calibration=CHECKED, looks_at=None))
    assert scores.gaze.nss is None and scores.gaze.cc is None
    assert scores.gaze.valid_share == 0
    assert scores.gaze_reason


def test_the_played_recording_of_an_expert_is_the_reference(make_session):
    """The expert looked elsewhere than the model predicts: the trainee who follows him scores high."""
    elsewhere = (80.0, 160.0)
    expert = make_session(trainee=None, looks_at=elsewhere, hidden_at_s=None, folder="cases")
    played = {"source": f"session:{expert}", "plays": expert.name, "tracker": TRACKER, "calibration": CHECKED}
    follows = score_session(make_session(looks_at=elsewhere, **played))
    assert follows.gaze.reference == "expert"
    assert follows.gaze.nss > 3
    assert score_session(make_session(looks_at=HOT_ELSEWHERE, **played)).gaze.nss < 0
    assert {item.plane for item in follows.planes if item.wanted} == {"abdomen"}, "the planes that the expert held"
    assert not follows.missed
    assert follows.planes[0].expert_first_s == pytest.approx(1.0)


HOT_ELSEWHERE = (240.0, 60.0)


def test_an_expert_of_another_case_is_refused(make_session):
    with pytest.raises(SessionError, match="of the case 'phantom:8'"):
        score_session(make_session(), make_session(source="phantom:8", folder="cases"))
