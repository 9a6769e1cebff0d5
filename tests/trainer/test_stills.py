"""Labelled still images: tables, splits by patient, sets of admissible classes, and the command from end to end."""

import json
import shutil
import sys

import cv2
import numpy as np
import pytest
import torch

from assistant import cli
from assistant.bundle import load_arrays, read_bundle
from assistant.class_list import load_class_list
from assistant.errors import TrainingError
from tests.trainer.drawn import CLASSES, config, recording
from trainer.config import DataConfig
from trainer.data import assemble
from trainer.encoders import network_input
from trainer.evaluate import evaluate, load_network
from trainer.finetune import finetune
from trainer.labelled import labelled_of
from trainer.splits import Split
from trainer.still_tables import read_still_table
from trainer.stills import Stills, load_stills, read_still, split_stills

FETAL15 = load_class_list("fetal15")
THORAX = ("four-chamber view", "three-vessel view", "LVOT", "RVOT")
PUBLIC_HEAD = "Image_name;Patient_num;Plane;Brain_plane;Operator;US_Machine;Train "


def save_images(folder, *names):
    """Bars on speckle, each in its own place, large enough to be cleaned."""
    for seed, name in enumerate(names):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        image = np.random.default_rng(seed).gamma(2.0, 14.0, (60, 80))
        cv2.imwrite(str(file), cv2.GaussianBlur(np.clip(image, 0, 255).astype(np.uint8), (0, 0), 1.5))


def own_table(folder, *lines, head="file,plane,patient,split"):
    (folder / "stills.csv").write_text("\n".join([head, *lines]) + "\n")


# --------------------------------------------------------------------------------------------------------------------
# Tables
# --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mark", [",", ";"])
def test_a_table_of_ones_own(tmp_path, mark):
    save_images(tmp_path, "a.png", "more/b.jpg", "c.png")
    lines = ("a.png,femur,p1", "more/b.jpg, abdomen | kidneys ,p2,", "c.png,,p3", "")
    own_table(tmp_path, *(line.replace(",", mark) for line in lines), head=f"file{mark}plane{mark}patient")
    table = read_still_table(tmp_path, CLASSES)
    assert [(row.file, row.planes, row.subject, row.part) for row in table.rows] == [
        (tmp_path / "a.png", ("femur",), "p1", ""),
        (tmp_path / "more" / "b.jpg", ("abdomen", "kidneys"), "p2", ""),
    ]
    assert table.unlabelled == 1


def public_table(folder, *lines):
    save_images(folder, *(f"Images/{line.split(';')[0]}.png" for line in lines))
    text = "\n".join([PUBLIC_HEAD, *lines]) + "\n"
    (folder / "FETAL_PLANES_DB_data.csv").write_text(text, encoding="utf-8-sig")


def test_the_public_table_and_its_quirks(tmp_path):
    """Semicolons, a byte-order mark, names without .png, blanks after the last column and its name, empty values."""
    public_table(
        tmp_path,
        "P1_a;1;Fetal brain;Trans-cerebellum;;;1 ",
        "P1_b;1;Fetal brain;Trans-thalamic;Op. 1;Voluson E6;1 ",
        "P2_a;2;Fetal thorax;Not A Brain;;;0 ",
        "P2_b;2;Fetal brain;;;;0 ",
        "P2_c;2;Fetal brain;Other;;;0 ",
        "P2_d;2;Other;Not A Brain;;;0 ",
        "P2_e;2;Maternal cervix;Not A Brain;;;0 ",
        "P3_a;3;Fetal abdomen;Not A Brain;;;1 ",
        "P3_b;3;Fetal femur;Not A Brain;;;1 ",
        "P3_c;3;Fetal brain;Trans-ventricular;;;1 ",
    )
    table = read_still_table(tmp_path, FETAL15)
    planes = {row.file.name: row.planes for row in table.rows}
    assert planes == {
        "P1_a.png": ("transcerebellar brain",),
        "P1_b.png": ("transthalamic brain",),
        "P2_a.png": THORAX,
        "P2_e.png": ("maternal cervix",),
        "P3_a.png": ("abdomen", "kidneys"),
        "P3_b.png": ("femur",),
        "P3_c.png": ("transventricular brain",),
    }
    assert {row.subject: row.part for row in table.rows} == {
        "FETAL_PLANES_DB-1": "train",
        "FETAL_PLANES_DB-2": "test",
        "FETAL_PLANES_DB-3": "train",
    }
    assert table.unlabelled == 3
    assert read_still_table(tmp_path, CLASSES).not_listed == {"transthalamic brain": 1, "maternal cervix": 1}


def test_the_real_public_table(data_dir):
    folder = data_dir / "fetal_planes_db"
    if not folder.is_dir():
        pytest.skip(f"real test data is missing: no folder {folder}")
    table = read_still_table(folder, FETAL15)
    assert (len(table.rows), table.unlabelled) == (16, 8)
    assert sum(row.planes == THORAX for row in table.rows) == 5
    assert {row.part for row in table.rows} == {"test"}


BAD_TABLES = {
    "no table": (None, "no table of still images"),
    "missing image": (["a.png,femur,p1", "gone.png,femur,p2"], "1 of 2 images are missing, first "),
    "two parts": (["a.png,femur,p1,train", "b.png,femur,p1,test"], "patient 'p1' is in 'train' and 'test'"),
    "unknown class": (["a.png,femur|thigh,p1"], "line 2: class list 'sononet13' has no class called 'thigh'"),
    "unknown part": (["a.png,femur,p1,holdout"], "expected split train, validation, test or nothing, got 'holdout'"),
    "no patient": (["a.png,femur,"], "image 'a.png' has no patient"),
    "twice": (["a.png,femur,p1", "a.png,abdomen,p1"], "image 'a.png' stands twice"),
    "some without a part": (["a.png,femur,p1,train", "b.png,femur,p2"], "patient 'p2' has no split and others have"),
    "no label": (["a.png,,p1"], "no image has a label"),
}


@pytest.mark.parametrize("case", BAD_TABLES)
def test_bad_tables_are_one_line(tmp_path, case):
    lines, problem = BAD_TABLES[case]
    save_images(tmp_path, "a.png", "b.png")
    if lines is not None:
        own_table(tmp_path, *lines)
    with pytest.raises(TrainingError) as caught:
        read_still_table(tmp_path, CLASSES)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("P1;1;Fetal knee;Not A Brain;;;1 ", "unknown class: Plane 'Fetal knee'"),
        ("P1;1;Fetal brain;Trans-orbital;;;1 ", "unknown class: Plane 'Fetal brain', Brain_plane 'Trans-orbital'"),
        ("P1;1;Fetal femur;Not A Brain;;;", "expected Train 1 or 0, got ''"),
    ],
)
def test_bad_public_tables_are_one_line(tmp_path, line, problem):
    public_table(tmp_path, line)
    with pytest.raises(TrainingError, match=problem):
        read_still_table(tmp_path, FETAL15)


# --------------------------------------------------------------------------------------------------------------------
# Splits and images
# --------------------------------------------------------------------------------------------------------------------


def stills_of(parts, planes=("femur",), images=1):
    subjects = tuple(subject for subject in parts for _ in range(images))
    admissible = np.tile([name in planes for name in CLASSES.classes], (len(subjects), 1))
    frames = np.zeros((len(subjects), 32, 32), np.uint8)
    return Stills(frames, admissible, subjects, {k: v for k, v in parts.items() if v}, "drawings", ())


NOBODY = Split((), (), ())


def test_validation_is_drawn_by_patient_from_the_official_train_part():
    parts = {f"p{i}": "train" if i < 10 else "test" for i in range(20)}
    split = split_stills(stills_of(parts), DataConfig(validation=0.3), 0, NOBODY)
    assert len(split.validation) == 3
    assert {*split.train, *split.validation} == {f"p{i}" for i in range(10)}
    assert set(split.test) == {f"p{i}" for i in range(10, 20)}
    assert split_stills(stills_of(parts), DataConfig(validation=0.3), 1, NOBODY).validation != split.validation


def test_without_a_part_patients_are_drawn_and_who_is_recorded_stays():
    recorded = Split(("p0",), ("p1",), ("p2",))
    for seed in range(5):
        split = split_stills(stills_of(dict.fromkeys((f"p{i}" for i in range(9)), "")), DataConfig(), seed, recorded)
        assert "p0" in split.train
        assert "p1" in split.validation
        assert "p2" in split.test
        assert len({*split.train, *split.validation, *split.test}) == 9


def test_a_patient_in_two_parts_of_recordings_and_stills_is_refused():
    stills = stills_of({"p0": "train", "p1": "validation", "p2": "test"})
    with pytest.raises(TrainingError, match="'p2' is a patient of the still images in 'test' and a subject of the"):
        split_stills(stills, DataConfig(), 0, Split(("p2",), ("p3",), ("p4",)))


def test_a_table_without_a_test_part_is_refused():
    with pytest.raises(TrainingError, match="no patient with a usable image: 2 train, 1 validation, 0 test"):
        split_stills(stills_of(dict.fromkeys(("a", "b", "c"), "train")), DataConfig(), 0, NOBODY)


def test_images_of_all_sizes_are_cleaned_and_resized(tmp_path):
    grey = cv2.GaussianBlur(np.random.default_rng(0).gamma(2.0, 20.0, (360, 270)).astype(np.uint8), (0, 0), 1.5)
    colour = np.full((70, 200, 3), 30, np.uint8)
    drawn = grey.copy()
    cv2.putText(drawn, "FEMUR", (60, 180), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 235, 1)
    for name, image in (("grey.png", grey), ("drawn.png", drawn), ("colour.jpg", colour)):
        cv2.imwrite(str(tmp_path / name), image)
    settings = DataConfig(height_px=64, width_px=96)
    plain, cleaned, flat = (read_still(tmp_path / name, settings) for name in ("grey.png", "drawn.png", "colour.jpg"))
    assert plain.shape == cleaned.shape == flat.shape == (64, 96)
    assert flat.min() == flat.max() == 30
    assert np.abs(plain.astype(int) - cleaned).max() < 60 < 120 < cv2.absdiff(grey, drawn).max()


def test_images_are_read_once_and_the_unusable_are_named(tmp_path):
    save_images(tmp_path, *(f"{i}.png" for i in range(4)))
    (tmp_path / "2.png").write_bytes(b"not an image")
    own_table(tmp_path, *(f"{i}.png,femur,p{i}," for i in range(4)))
    told = []
    first = load_stills(tmp_path, config(), CLASSES, tmp_path / "cache", told.append)
    assert first.rejected == (("2.png", "cannot be read as an image"),)
    assert first.subjects == ("p0", "p1", "p3")
    assert any("1 still images are rejected" in line for line in told)
    (kept,) = (tmp_path / "cache").glob("stills-*/frames.npy")
    before = kept.stat().st_mtime_ns
    again = load_stills(tmp_path, config(), CLASSES, tmp_path / "cache", told.append)
    np.testing.assert_array_equal(again.frames, first.frames)
    assert kept.stat().st_mtime_ns == before
    save_images(tmp_path, "2.png")  # mended: all is read again
    assert load_stills(tmp_path, config(), CLASSES, tmp_path / "cache", told.append).rejected == ()


# --------------------------------------------------------------------------------------------------------------------
# Learning
# --------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bars(draw_bar):
    """Bars of 9 patients. Two kinds have a label each; abdomen and profile are known to be one of these two."""
    rng = np.random.default_rng(0)
    shown, labels, subjects = [], [], []
    sets = {"femur": ("femur",), "background": ("lips",), "abdomen": ("abdomen", "profile")}
    sets["profile"] = sets["abdomen"]
    for patient in range(9):
        for plane in (p for p in sets for _ in range(8)):
            shown.append(draw_bar(plane, rng, size=(32, 32))[0])
            labels.append([name in sets[plane] for name in CLASSES.classes])
            subjects.append(f"p{patient}")
    return Stills(np.stack(shown), np.array(labels), tuple(subjects), {}, "drawings", ())


@pytest.fixture(scope="module")
def tuned(bars, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tuned")
    settings = config()
    dataset = assemble([], settings, CLASSES, stills=bars)
    return dataset, settings, finetune(dataset, settings, None, folder, lambda figures: None)


def test_sets_are_learned_and_what_no_label_tells_apart_stays_even(tuned, tmp_path):
    dataset, settings, found = tuned
    assert dataset.classes == ("lips", "profile", "abdomen", "femur", "background")
    evaluation = evaluate(dataset, settings, found.weights, tmp_path / "evaluation.json")
    assert evaluation.planes["top_in_set"] > 0.9
    assert evaluation.planes["frames_with_a_set"] == evaluation.planes["frames"] == 32
    assert evaluation.stated["classes_never_told_apart"] == [["profile", "abdomen"]]
    assert evaluation.stated["classes_never_shown"] == ["background"]
    assert np.sum(evaluation.confusion) == 32  # frames with one label, and no others
    test = labelled_of(dataset.split.test, dataset, settings)
    logits, _ = load_network(found.weights, dataset, settings)(
        network_input(test.pixels[:, None], dataset.preprocessing)
    )
    torch.testing.assert_close(logits[:, 1], logits[:, 2], rtol=0, atol=1e-3)
    assert float(logits.detach().softmax(1)[test.admissible.sum(1) == 2, 1:3].sum(1).mean()) > 0.8


def test_frames_with_a_set_are_a_group_of_their_own(bars):
    settings = config()
    dataset = assemble([], settings, CLASSES, stills=bars)
    frames = labelled_of(dataset.split.train, dataset, settings)
    assert sorted(np.unique(frames.groups, return_counts=True)[1] * 4 // len(frames.labels)) == [1, 1, 2]
    assert (frames.labels[frames.groups >= len(dataset.classes)] == -1).all()
    assert not frames.has_gaze.any()


def test_a_set_with_a_class_that_the_model_does_not_know_is_left_out(bars):
    settings = config(classes=("femur", "lips", "profile"))
    dataset = assemble([], settings, CLASSES, stills=bars)
    frames = labelled_of(dataset.split.train, dataset, settings)
    assert frames.unknown == 16 * len(dataset.split.train)
    assert (frames.admissible.sum(axis=1) == 1).all()


def test_recordings_and_stills_train_together(bars, draw_bar, tmp_path):
    """With recordings that label abdomen and profile each, the set is no longer one that nothing tells apart."""
    settings = config(finetune={"epochs": 1, "frames_per_epoch": 64})
    recordings = [recording(seed, 1.0, draw_bar) for seed in range(3)]  # subjects p0 to p2, as the stills' first three
    dataset = assemble(recordings, settings, CLASSES, stills=bars)
    for part in ("train", "validation", "test"):
        subjects = getattr(dataset.split, part)
        frames = labelled_of(subjects, dataset, settings)
        of_recordings = sum(len(r.frames) for r in recordings if r.subject in subjects)
        assert len(frames.labels) == of_recordings + 32 * sum(f"p{i}" in subjects for i in range(9))
        assert frames.has_gaze.sum() <= of_recordings
    found = finetune(dataset, settings, None, tmp_path, lambda figures: None)
    evaluation = evaluate(dataset, settings, found.weights, tmp_path / "evaluation.json")
    assert evaluation.stated["classes_never_told_apart"] == []
    assert evaluation.gaze


# --------------------------------------------------------------------------------------------------------------------
# The command
# --------------------------------------------------------------------------------------------------------------------


def sonocue(monkeypatch, *arguments):
    """The command in this process: its exit status."""
    monkeypatch.setattr(sys, "argv", ["sonocue", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code or 0


@pytest.fixture
def config_file(smoke_config_file, tmp_path):
    text = smoke_config_file.read_text().replace("threads = 1", 'threads = 1\nclass_list = "fetal15"', 1)
    text = text.replace("[pretrain]\nepochs = 3", "[pretrain]\nepochs = 0")
    text = text.replace("epochs = 3\nframes_per_epoch = 448", "epochs = 2\nframes_per_epoch = 96")
    file = tmp_path / "stills.toml"
    file.write_text(text)
    return file


def test_from_real_images_to_a_model_folder(data_dir, config_file, tmp_path, monkeypatch):
    """The 24 images are all of the official test part, so some patients are moved to its train part."""
    real = data_dir / "fetal_planes_db"
    if not real.is_dir():
        pytest.skip(f"real test data is missing: no folder {real}")
    public = tmp_path / "public"
    shutil.copytree(real, public)
    head, *lines = (real / "FETAL_PLANES_DB_data.csv").read_text().splitlines()
    tested = ("1665", "1690", "1694", "1660", "1715")
    lines = [line if line.split(";")[1] in tested else line.removesuffix("0 ") + "1 " for line in lines]
    (public / "FETAL_PLANES_DB_data.csv").write_text("\n".join([head, *lines]) + "\n")

    run = tmp_path / "run"
    assert sonocue(monkeypatch, "train", "stills", config_file, public, run) == 0
    bundle = read_bundle(run / "model")
    assert set(bundle.onnx) == {"float", "int8"}
    assert (bundle.trained_on, bundle.has_gaze, bundle.background) == ("real", False, "background")
    assert set(THORAX) | {"femur", "maternal cervix"} <= set(bundle.classes)
    golden = load_arrays(bundle.golden)
    assert golden["image"].shape[1:] == (1, 64, 64)
    assert golden["logits"].shape[1] == len(bundle.classes)
    evaluation = json.loads((run / "evaluation.json").read_text())
    parts = [set(evaluation["subjects"][part]) for part in ("train", "validation", "test")]
    assert sum(map(len, parts)) == len(set.union(*parts))
    assert {f"FETAL_PLANES_DB-{number}" for number in tested} == parts[2]
    card = (bundle.path / "docs" / "README.md").read_text()
    assert "FETAL_PLANES_DB (Burgos-Artizzu et al. 2020" in card
    assert "four-chamber view, three-vessel view, LVOT, RVOT" in card
    assert "would look" not in card


@pytest.mark.parametrize("case", ["no table", "missing image", "two parts", "unknown class"])
def test_bad_input_is_one_line_and_status_2(case, config_file, tmp_path, monkeypatch, capsys):
    lines, problem = BAD_TABLES[case]
    folder = tmp_path / "images"
    save_images(folder, "a.png", "b.png")
    if lines is not None:
        own_table(folder, *lines)
    assert sonocue(monkeypatch, "train", "stills", config_file, folder, tmp_path / "run") == 2
    err = capsys.readouterr().err
    assert problem.replace("sononet13", "fetal15") in err
    assert "Traceback" not in err
    assert sum("stills" in line or "images" in line for line in err.splitlines()) == 1
