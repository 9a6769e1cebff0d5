"""The report says what was measured, fetches nothing, and its curves are those of the definitions."""

import base64
import json
from dataclasses import asdict, replace
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from tests.trainer.drawn import CLASSES, config, recording
from trainer.data import assemble
from trainer.embedding import load_encoders
from trainer.evaluate import area_under_risk, measure, reliability, risk_by_coverage
from trainer.evaluation_plots import gaze_png
from trainer.evaluation_report import write_report
from trainer.finetune import finetune
from trainer.pretrain import pretrain
from trainer.retrieval_examples import retrieval_examples, said

NASTY = "<script>alert('voice')</script> & more"
SHORT = config(pretrain={"epochs": 1}, finetune={"epochs": 2, "frames_per_epoch": 192})


def surenesses(seed=0, n=500, classes=4):
    """Probabilities in steps, so that some are the same, and truths that they tell a little of."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(classes, size=n)
    logits = rng.normal(size=(n, classes)) + 1.5 * np.eye(classes)[truth]
    probability = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return (probability * 50).round().astype(np.float32) / 50, truth


@pytest.mark.parametrize("seed", range(3))
def test_reliability_is_that_of_scikit_learn(seed):
    probability, truth = surenesses(seed)
    probability = np.clip(probability + 1e-4, 0, 1)  # off the edges of the bins, which each counts to another side
    frames, confidence, right = reliability(probability, truth, 10)
    expected_right, expected_confidence = calibration_curve(
        probability.argmax(axis=1) == truth, probability.max(axis=1), n_bins=10
    )
    filled = frames > 0
    assert frames.sum() == len(truth)
    np.testing.assert_allclose(right[filled] / frames[filled], expected_right)
    np.testing.assert_allclose(confidence[filled] / frames[filled], expected_confidence)


@pytest.mark.parametrize("seed", range(3))
def test_risk_by_coverage_is_that_of_the_definition(seed):
    probability, truth = surenesses(seed)
    confidence, coverage, risk = risk_by_coverage(probability, truth)
    sure, wrong = probability.max(axis=1), probability.argmax(axis=1) != truth
    assert len(confidence) == len(np.unique(sure)) < len(truth)
    for threshold, share, lost in zip(confidence, coverage, risk, strict=True):
        assert share == pytest.approx((sure >= threshold).mean())
        assert lost == pytest.approx(wrong[sure >= threshold].mean())
    assert coverage[-1] == 1.0
    by_frame = np.mean([wrong[sure >= mine].mean() for mine in sure])
    assert area_under_risk(coverage, risk) == pytest.approx(by_frame)


def test_heat_lies_where_the_density_is():
    frame = np.full((64, 64), 90, np.uint8)
    density = np.zeros((16, 16))
    density[4, 12] = 1
    picture = cv2.imdecode(np.frombuffer(gaze_png(frame, density, None, np.empty((0, 2))), np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (208, 2 * 208 + 4, 3)
    plain, heated = picture[:, :208], picture[:, 212:]
    assert (plain == 90).all()
    changed = np.abs(heated.astype(int) - 90).max(axis=2)
    row, column = np.unravel_index(changed.argmax(), changed.shape)
    assert abs(row - 4.5 / 16 * 208) < 8 and abs(column - 12.5 / 16 * 208) < 8
    assert changed[150:, :100].max() == 0


# ------------------------------------------------------------------------------------------------ the whole page


class Page(HTMLParser):
    """What a browser would fetch, show and run."""

    def __init__(self, text):
        super().__init__()
        self.images, self.fetched, self.tags, self.text = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.tags.append(tag)
        if tag == "img":
            self.images.append(given)
        self.fetched += [value for name, value in attributes if name in ("src", "href", "action", "data", "srcset")]

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def made(draw_bar, tmp_path_factory):
    """A run with encoders, of recordings whose words are known; one word is hostile."""
    run = tmp_path_factory.mktemp("run")
    recordings = [recording(seed, 1.0, draw_bar) for seed in range(3)]
    recordings = [replace(r, words=tuple(f"{NASTY} {i}" for i in range(len(r.utterances)))) for r in recordings]
    dataset = assemble(recordings, SHORT, CLASSES, rejected=[("broken<b>.mp4", "it is damaged")])
    encoders = pretrain(dataset, SHORT, run / "pretrain", lambda figures: None).weights
    tuned = finetune(dataset, SHORT, encoders, run / "finetune", lambda figures: None)
    evaluation, answers = measure(dataset, SHORT, tuned.weights)
    (run / "config.toml").write_text("seed = 0 # </pre><script>\n")
    file = write_report(run, dataset, SHORT, evaluation, answers, encoders)
    return dataset, encoders, evaluation, answers, file, tuned


def test_the_page_fetches_nothing_and_runs_nothing(made):
    page = Page(made[4].read_text(encoding="utf-8"))
    assert page.images
    assert all(url.startswith("data:image/png;base64,") for url in page.fetched)
    assert not {"script", "link", "iframe", "object", "b"} & set(page.tags)
    for image in page.images:
        data = np.frombuffer(base64.b64decode(image["src"].partition(",")[2]), np.uint8)
        assert cv2.imdecode(data, cv2.IMREAD_COLOR) is not None
        assert image["alt"]
    shown = "".join(page.text)
    assert NASTY in shown, "as text"
    assert "seed = 0 # </pre><script>" in shown
    assert "broken<b>.mp4: it is damaged" in shown
    assert not list(made[4].parent.glob("*.tmp"))


def test_the_page_holds_the_figures_of_the_evaluation(made):
    _, _, evaluation, answers, file, _ = made
    shown = "".join(Page(file.read_text(encoding="utf-8")).text)
    for value in (*[evaluation.planes[k] for k in ("macro_f1", "accuracy")], evaluation.calibration["aurc"]):
        assert f"{value:.3f}" in shown
    for key in ("nss", "kl", "information_gain"):
        assert f"{evaluation.gaze[key]:.3f}" in shown
        assert f"{evaluation.centre_bias[key]:.3f}" in shown
    assert f"Temperature {evaluation.temperature}" in shown
    assert "synthetic images of a software scanner" in shown
    assert json.loads(json.dumps(asdict(evaluation)))["calibration"]["aurc"] >= 0
    assert len(answers.logits) == len(answers.frames.labels) == len(answers.frames.times_s)


def test_examples_say_where_they_are_from(made):
    dataset, _, _, answers, file, _ = made
    shown = "".join(Page(file.read_text(encoding="utf-8")).text)
    (test_one,) = dataset.of(dataset.split.test)
    assert shown.count(f"{test_one.session_id}, ") >= 4 + 6
    frames = answers.frames
    row = int(np.searchsorted(test_one.times_s, frames.times_s[7]))
    np.testing.assert_array_equal(test_one.frames[row], frames.pixels[7])


def test_without_encoders_and_gaze_the_page_says_so(made, tmp_path):
    dataset, *_, tuned = made
    blind = [replace(r, gaze_s=np.empty(0), gaze_xy=np.empty((0, 2))) for r in dataset.recordings]
    seen = assemble(blind, SHORT, CLASSES)
    file = write_report(tmp_path, seen, SHORT, *measure(seen, SHORT, tuned.weights), tmp_path / "none.safetensors")
    shown = "".join(Page(file.read_text(encoding="utf-8")).text)
    assert "No gaze is known" in shown
    assert "Speech found by its clip" not in shown


def test_retrieval_examples_are_those_of_the_cosines(made):
    dataset, encoders, *_ = made
    recordings = dataset.of(dataset.split.train + dataset.split.test)
    network = load_encoders(encoders, SHORT)
    figures, examples = retrieval_examples(network, recordings, dataset, SHORT, count=5, nearest=1000)
    assert len(examples) == 5
    first = [example.rank == 1 for example in examples]
    assert first == [example.found[0].own for example in examples]
    for example in examples:
        cosines = [speech.cosine for speech in example.found]
        assert cosines == sorted(cosines, reverse=True)
        (own,) = [i for i, speech in enumerate(example.found, start=1) if speech.own]
        assert own == example.rank
        assert example.found[own - 1].words == example.words
    assert figures.windows >= 20
    unknown = [replace(r, words=()) for r in recordings]
    assert retrieval_examples(network, unknown, dataset, SHORT)[1] == ()


def test_the_words_of_a_window_are_those_that_are_heard_in_it(draw_bar):
    one = recording(0, 1.0, draw_bar)
    one = replace(one, words=tuple(str(i) for i in range(len(one.utterances))))
    assert said(one, 3.0, SHORT.data) == "0"  # 2 to 4 s of 0 to 6
    assert said(one, 6.0, SHORT.data) == "0 … 1"
    assert said(one, 6.9, SHORT.data) == "1", "a tenth of a second of the first is not enough"
    assert said(replace(one, words=()), 3.0, SHORT.data) == ""
