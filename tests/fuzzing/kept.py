"""Targets of the fuzzer: our own files on the disk. Sessions, models, settings, tables, labelled stills."""

from __future__ import annotations

import hashlib
import json
import shutil
from contextlib import closing, suppress
from pathlib import Path

import cv2
import numpy as np

from assistant.checklist_file import load_checklist
from assistant.class_list import load_class_list
from assistant.clock import MonotonicClock
from assistant.config import load_config
from assistant.contracts import (
    Abstention,
    AudioBlock,
    Decision,
    DeviceInfo,
    Frame,
    GazeSample,
    Guidance,
    TimelineEvent,
)
from assistant.mask_layouts import MaskLayouts
from tests.fuzzing.mutations import Rng, of_bytes, of_json, of_lines
from tests.fuzzing.target import REPOSITORY, altered, play, refused

# Sessions ------------------------------------------------------------------------------------------------------------


def seed_session(folder: Path) -> None:
    from assistant.session.writer import SessionHeader, SessionWriter

    info = DeviceInfo("drawn", frozenset(("video", "sound", "gaze")), fps=25.0, sample_rate_hz=8000)
    header = SessionHeader("s", True, "real", (info,), {"seed": 1}, "m@0")
    gaze_map = np.full((3, 4), 1 / 12, np.float32)
    # One that was closed, and one whose writer was killed.
    for name in ("closed", "killed"):
        writer = SessionWriter(folder, header, MonotonicClock(), session_id=name)
        for index in range(10):
            at_ns = 10**9 + index * 40_000_000
            writer.put(Frame(index, at_ns, np.random.default_rng(index).integers(0, 255, (32, 48), np.uint8)))
            writer.put(AudioBlock(index * 320, at_ns, 8000, np.zeros(320, np.float32)))
            writer.put(GazeSample(at_ns, 3.0, 4.0))
            writer.put(TimelineEvent(at_ns, "truth", {"frame_index": index, "plane": "femur"}))
            decision = Decision(None, "femur", 0.4, Abstention.LOW_CONFIDENCE)
            probabilities = np.array([0.4, 0.6], np.float32)
            writer.put(Guidance(index, at_ns, 0, 0, at_ns, probabilities, decision, gaze_map, (0, 0, 32, 48), "m@0"))
        if name == "closed":
            writer.close()
        else:
            shutil.copytree(writer.path, folder / "copied")
            writer.close()
            shutil.rmtree(writer.path)
            (folder / "copied").rename(folder / "killed.partial")


def alter_session(folder: Path, rng: Rng) -> None:
    session = folder / ("closed" if rng.random() < 0.6 else "killed.partial")
    media = {file.name: of_bytes for file in session.glob("*.mkv")}
    tables = {"frames.csv": of_lines, "sound.csv": of_lines, "timeline.jsonl": of_lines}
    path = altered(session, rng, {"session.json": of_json, **tables, **media})
    if path.name == "session.json" and rng.random() < 0.9:
        with suppress(ValueError, AttributeError):  # as if whoever altered it had also computed its checksum
            document = json.loads(path.read_bytes())
            document.pop("checksum", None)
            text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
            document["checksum"] = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
            path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", "utf-8", "surrogatepass")


def read_session(folder: Path) -> None:
    from assistant.session.reader import SessionReader
    from assistant.session.timeline import guidance_of
    from assistant.session.verify import verify_session

    for session in ("closed", "killed.partial"):
        verify_session(folder / session)
        with refused():
            reader = SessionReader(folder / session)
            for whole in (reader.frames, reader.sound, reader.gaze, reader.timeline):
                with refused():
                    for _ in whole() or () if whole != reader.sound else [reader.sound()]:
                        pass
            with refused():
                for event in reader.timeline("guidance"):
                    guidance_of(event)
        with refused():
            play("session", folder / session)


# Models --------------------------------------------------------------------------------------------------------------


def seed_model(folder: Path) -> None:
    from tests.conftest import make_tiny_bundle

    make_tiny_bundle(folder)
    (folder / "tiny.onnx").unlink()


def alter_model(folder: Path, rng: Rng) -> None:
    model = folder / "tiny"
    kinds = {
        "configs/metadata.json": of_json,
        "golden/golden.npz": of_bytes,
        "models/model.onnx": of_bytes,
        "SHA256SUMS": of_lines,
    }
    path = altered(model, rng, kinds)
    if path.name != "SHA256SUMS" and rng.random() < 0.95:
        files = sorted(file for file in model.rglob("*") if file.is_file() and file.name != "SHA256SUMS")
        sums = (
            f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(model).as_posix()}\n" for file in files
        )
        (model / "SHA256SUMS").write_text("".join(sums))


def read_model(folder: Path) -> None:
    from assistant.bundle import read_bundle
    from assistant.network_check import check_network
    from plugins.backends.onnxruntime import create

    bundle = read_bundle(folder / "tiny")
    for precision, file in bundle.onnx.items():
        check_network(file, bundle)
        with closing(create(1)) as engine:
            engine.load(bundle, precision)
            spec = bundle.preprocessing
            engine.infer(np.zeros((1, 1, spec.height_px, spec.width_px), np.float32))


# Settings and tables -------------------------------------------------------------------------------------------------

_RUN_TOML = (
    'source = "file:x.mp4"\nbackends = ["openvino"]\nthreads = 2\nseconds = 3.5\nsubject = "s1"\nmask = "auto"\n'
)
_SCREENS_TOML = '[[screen]]\nname = "a"\nsize_px = [30, 40]\nkeep_px = [[1, 2, 20, 30]]\nhide_px = [[2, 2, 5, 5]]\n'


def seed_settings(folder: Path) -> None:
    (folder / "run.toml").write_text(_RUN_TOML)
    (folder / "screens.toml").write_text(_SCREENS_TOML)
    for name, source in (
        ("train.toml", "trainer/configs/small.toml"),
        ("classes.toml", "assistant/protocols/sononet13.toml"),
        ("checklist.toml", "assistant/protocols/fasp20.toml"),
    ):
        shutil.copyfile(REPOSITORY / source, folder / name)


def read_settings(folder: Path) -> None:
    from trainer.config import load_config as load_training

    for read in (
        lambda: load_config(folder / "run.toml", {}),
        lambda: MaskLayouts(folder / "screens.toml").kept(30, 40),
        lambda: load_training(folder / "train.toml"),
        lambda: load_class_list(str(folder / "classes.toml")),
        lambda: load_checklist(str(folder / "checklist.toml")),
    ):
        with refused():
            read()


def seed_tables(folder: Path) -> None:
    (folder / "subjects.csv").write_text("file,subject\na.mkv,S1\nb.mkv,S2\n")
    (folder / "labels.csv").write_text("file,start_s,end_s,plane\na.mkv,0,1.5,femur\nb.mkv,2,3,abdomen\n")
    (folder / "crops.csv").write_text("file,top,left,bottom,right\na.mkv,0,0.1,1,0.9\n*,0.1,0.1,0.9,0.9\n")
    (folder / "a.labels.csv").write_text("start_s,end_s,plane\n0,1.5,femur\n")
    (folder / "a.gaze.csv").write_text("time_s,x_px,y_px,valid\n0.0,12,30.5,1\n0.1,13,31,0\n")


def read_tables(folder: Path) -> None:
    from trainer.source_tables import read_crops, read_gaze, read_labels, read_own_labels, read_subjects

    names = ("a.mkv", "b.mkv")
    for read in (
        lambda: read_subjects(folder, names),
        lambda: read_labels(folder, names),
        lambda: read_crops(folder, names),
        lambda: read_own_labels(folder / "a.labels.csv"),
        lambda: read_gaze(folder / "a.gaze.csv"),
    ):
        with refused():
            read()


def seed_stills(folder: Path) -> None:
    (folder / "own").mkdir()
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(folder / "own" / name), np.zeros((32, 32), np.uint8))
    (folder / "own" / "stills.csv").write_text(
        "file,plane,patient,split\na.png,femur,P1,train\nb.png,abdomen,P2,test\n"
    )


def read_stills(folder: Path) -> None:
    from trainer.still_tables import read_still_table

    read_still_table(folder / "own", load_class_list())
