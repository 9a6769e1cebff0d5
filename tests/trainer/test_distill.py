"""A small network learns a trained one's answers from recordings whose labels nobody looks at."""

import dataclasses
import shutil

import numpy as np
import pytest
import torch

from assistant.bundle import write_bundle
from assistant.errors import TrainingError
from trainer.config import load_config
from trainer.data import load_dataset
from trainer.distill import distill, load_teacher
from trainer.evaluate import load_network, predict
from trainer.finetune import finetune
from trainer.labelled import labelled_of
from trainer.losses import distillation_kl
from trainer.recordings import UNLABELLED


def test_distillation_kl_is_its_formula():
    rng = np.random.default_rng(0)
    mine, theirs, temperature = rng.normal(size=(5, 4)), rng.normal(size=(5, 4)) * 3, 2.5
    expected = 0.0
    for row in range(5):
        p, q = (np.exp(x[row] / temperature) / np.exp(x[row] / temperature).sum() for x in (theirs, mine))
        expected += temperature**2 * sum(p[c] * (np.log(p[c]) - np.log(q[c])) for c in range(4)) / 5
    found = distillation_kl(torch.from_numpy(mine), torch.from_numpy(theirs), temperature)
    assert float(found) == pytest.approx(expected)
    assert float(distillation_kl(torch.from_numpy(theirs), torch.from_numpy(theirs), temperature)) == pytest.approx(0)


@pytest.fixture(scope="module")
def config(smoke_config_file):
    base = load_config(smoke_config_file)
    quick = base.distill.model_copy(
        update={"epochs": 4, "frames_per_epoch": 448, "batch": 32, "learning_rate": 1e-2, "ema": 0.9}
    )
    return base.model_copy(update={"distill": quick})


@pytest.fixture(scope="module")
def dataset(on_disk, config, tmp_path_factory):
    return load_dataset(on_disk.place.url, config, tmp_path_factory.mktemp("run"), lambda line: None)


@pytest.fixture(scope="module")
def unlabelled(dataset):
    bare = (dataclasses.replace(r, labels=np.full_like(r.labels, UNLABELLED)) for r in dataset.recordings)
    return dataclasses.replace(dataset, recordings=tuple(bare), classes=())


@pytest.fixture(scope="module")
def teacher_run(dataset, config, smoke_config_file, tmp_path_factory):
    """What ``sonocue train`` leaves of a fine-tuned network, but for what an engine needs."""
    run = tmp_path_factory.mktemp("teacher")
    shutil.copyfile(smoke_config_file, run / "config.toml")
    finetune(dataset, config, None, run / "finetune", lambda figures: None)
    (run / "no.onnx").write_bytes(b"none")
    spec = dataset.preprocessing
    golden = {
        "image": np.zeros((1, 1, spec.height_px, spec.width_px), np.float32),
        "logits": np.zeros((1, len(dataset.classes)), np.float32),
        "gaze_logits": np.zeros((1, spec.height_px // 4, spec.width_px // 4), np.float32),
    }
    write_bundle(
        run / "model", name="teacher", classes=dataset.classes, background=dataset.background, preprocessing=spec,
        temperature=1.0, abstain_below=0.5, trained_on="phantom", training_data="bars",
        onnx={"float": run / "no.onnx"}, golden=golden, card="# teacher",
    )  # fmt: skip
    return run


def test_a_smaller_student_answers_as_its_teacher_and_no_label_was_looked_at(
    teacher_run, dataset, unlabelled, config, tmp_path
):
    teacher = load_teacher(teacher_run)
    small = config.model_copy(update={"encoder": config.encoder.model_copy(update={"widths": (8, 8, 16, 16)})})
    told = []
    made = distill(teacher, unlabelled, small, tmp_path / "finetune", told.append)
    assert len(told) == 4
    assert (tmp_path / "finetune" / "teacher.json").read_text().split() == ["{", '"teacher":', '"teacher"', "}"]
    assert told[-1]["validation_loss"] < told[0]["validation_loss"]
    assert (tmp_path / "finetune" / "history.png").read_bytes().startswith(b"\x89PNG")

    student = load_network(made.weights, dataset, small)
    count = sum(p.numel() for p in student.parameters()), sum(p.numel() for p in teacher.network.parameters())
    assert count[0] < 0.6 * count[1]
    test = labelled_of(dataset.split.test, dataset, config)
    answers, gaze = predict(student, test.pixels, dataset.preprocessing)
    theirs, their_gaze = predict(teacher.network, test.pixels, teacher.preprocessing)
    assert (answers.argmax(axis=1) == theirs.argmax(axis=1)).mean() > 0.8
    assert np.corrcoef(gaze.ravel(), their_gaze.ravel())[0, 1] > 0.7


def test_stopped_it_goes_on_to_the_same_weights(teacher_run, unlabelled, config, tmp_path):
    """Stopped by a report, which comes after a checkpoint: bit for bit on CPU."""
    teacher = load_teacher(teacher_run)
    often = config.model_copy(update={"compute": config.compute.model_copy(update={"checkpoint_s": 0.0})})
    whole = distill(teacher, unlabelled, often, tmp_path / "whole", lambda figures: None)

    class StopError(Exception):
        pass

    def stop_after_two(figures):
        if figures["epoch"] == 1:
            raise StopError

    with pytest.raises(StopError):
        distill(teacher, unlabelled, often, tmp_path / "parts", stop_after_two)
    seen = []
    rest = distill(teacher, unlabelled, often, tmp_path / "parts", seen.append)
    assert [figures["epoch"] for figures in seen] == [2, 3]
    assert rest.history == whole.history
    assert rest.weights.read_bytes() == whole.weights.read_bytes()


def test_another_teacher_does_not_go_on_where_the_first_stopped(teacher_run, unlabelled, config, tmp_path):
    short = config.model_copy(update={"distill": config.distill.model_copy(update={"epochs": 1})})
    teacher = load_teacher(teacher_run)
    distill(teacher, unlabelled, short, tmp_path / "run", lambda figures: None)
    (tmp_path / "other").write_bytes(b"other weights")
    with pytest.raises(TrainingError, match="begin the step again"):
        distill(dataclasses.replace(teacher, weights=tmp_path / "other"), unlabelled, short, tmp_path / "run", print)


def test_in_bfloat16_it_learns_too(teacher_run, unlabelled, config, tmp_path):
    half = config.model_copy(update={"compute": config.compute.model_copy(update={"precision": "bf16-mixed"})})
    made = distill(load_teacher(teacher_run), unlabelled, half, tmp_path / "run", lambda figures: None)
    assert made.history[-1]["validation_loss"] < 0.7 * made.history[0]["validation_loss"]


def test_what_does_not_fit_is_one_line(teacher_run, dataset, unlabelled, config, tmp_path):
    teacher = load_teacher(teacher_run)
    smaller = config.model_copy(update={"data": config.data.model_copy(update={"height_px": 32})})
    with pytest.raises(TrainingError, match="the teacher sees 64x64 pixels"):
        distill(teacher, unlabelled, smaller, tmp_path, print)
    others = dataclasses.replace(dataset, classes=("femur", "background"))
    with pytest.raises(TrainingError, match="set 'classes' to the teacher's planes"):
        distill(teacher, others, config, tmp_path, print)
    nobody = dataclasses.replace(unlabelled, recordings=())
    with pytest.raises(TrainingError, match="no recording"):
        distill(teacher, nobody, config, tmp_path, print)
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_is_no_teacher_is_one_line(teacher_run, tmp_path):
    shutil.copytree(teacher_run / "model", tmp_path / "model")
    shutil.copyfile(teacher_run / "config.toml", tmp_path / "config.toml")
    with pytest.raises(TrainingError, match="run the step before this one first"):
        load_teacher(tmp_path)
