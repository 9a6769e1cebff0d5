"""Reads and writes a model on disk: one folder in the layout of a MONAI bundle, with a hash for each file.

::

    configs/metadata.json      class list, preprocessing, temperature, ... (assistant/bundle_metadata.py)
    models/model.onnx          float network: image (N, 1, H, W) -> logits (N, n_classes)[, gaze_logits (N, h, w)]
    models/model_int8.onnx     the same with explicit quantisation (Q/DQ nodes); one of the two may be missing
    models/speech_encoder.onnx log_mel (N, 64, m) -> embedding (N, D); it and the next one: when pretrained on speech
    models/video_encoder.onnx  image (N, 1, H, W) -> embedding (N, D): the cosine of the two is how well they agree
    models/symmetric_int8.onnx INT8 with zero points of 0, for engines that know no others (TensorRT); may be missing
    golden/golden.npz          inputs and what the network answered when it was made; no engine is used that disagrees
    docs/README.md             model card
    SHA256SUMS                 of all files above, as ``sha256sum`` writes it

Nothing here runs code from the folder: JSON, arrays without pickles, and ONNX, which only an engine reads. Any thread.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from assistant.bundle_metadata import (
    FamiliarityBlock,
    Metadata,
    PreprocessingBlock,
    SonocueBlock,
    network_data_format,
)
from assistant.contracts import Float32Array, Origin
from assistant.errors import ModelError
from assistant.model_contracts import Familiarity, ModelBundle, Precision, Preprocessing

METADATA = "configs/metadata.json"
GOLDEN = "golden/golden.npz"
CARD = "docs/README.md"
SUMS = "SHA256SUMS"
SPEECH_ENCODER, VIDEO_ENCODER = "models/speech_encoder.onnx", "models/video_encoder.onnx"
SYMMETRIC = "models/symmetric_int8.onnx"
ONNX: Mapping[Precision, str] = {"float": "models/model.onnx", "int8": "models/model_int8.onnx"}

# A bare .npy gives a TypeError, damaged archives one of the others (NumPy reads headers as Python's tokens).
_NO_ARCHIVE = (
    *(OSError, ValueError, TypeError, EOFError, KeyError, zipfile.BadZipFile, zlib.error, tokenize.TokenError),
    *(SyntaxError, MemoryError, OverflowError, NotImplementedError, RecursionError, RuntimeError),
)

_SUM_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")


def default_model_path() -> Path:
    """The folder of the model that is shipped with the program. Raises ``ModelError`` when it is not there."""
    path = Path(str(files("assistant") / "models" / "default"))
    if not (path / SUMS).is_file():
        raise ModelError(f"the default model is not installed (expected in {path}): name another one with --model")
    return path


def model_path(name: str) -> Path:
    """The folder that a user means: ``default``, or a path."""
    return default_model_path() if name == "default" else Path(name)


# --------------------------------------------------------------------------------------------------------------------
# Read
# --------------------------------------------------------------------------------------------------------------------


def read_bundle(path: Path) -> ModelBundle:
    """Read a model folder and check all of it but the network itself, which only an engine can.

    Raises:
        ModelError: something is missing, altered, or does not fit together.
    """
    sums = _read_sums(path)
    for name, expected in sums.items():
        _check_file(path, name, expected)
    missing = [name for name in (METADATA, GOLDEN, CARD) if name not in sums]
    onnx: dict[Precision, Path] = {precision: path / name for precision, name in ONNX.items() if name in sums}
    if missing or not onnx:
        raise ModelError(
            f"model folder '{path}' lacks {', '.join(missing) or ' and '.join(ONNX.values())} in its {SUMS}"
        )
    block = read_metadata(path).sonocue
    _check_golden(load_arrays(path / GOLDEN), block, path)
    digest = hashlib.sha256((path / SUMS).read_bytes()).hexdigest()
    return ModelBundle(
        path=path,
        model_id=f"{block.name}@{digest[:12]}",
        classes=block.classes,
        background=block.background,
        preprocessing=block.preprocessing.to_contract(),
        temperature=block.temperature,
        abstain_below=block.abstain_below,
        trained_on=block.trained_on,
        onnx=onnx,
        has_gaze=block.has_gaze,
        golden=path / GOLDEN,
        digest=digest,
        symmetric_int8=path / SYMMETRIC if SYMMETRIC in sums else None,
        encoders=(path / VIDEO_ENCODER, path / SPEECH_ENCODER)
        if {VIDEO_ENCODER, SPEECH_ENCODER} <= set(sums)
        else None,
        familiarity=None if block.familiarity is None else block.familiarity.to_contract(),
    )


def read_metadata(path: Path) -> Metadata:
    """The metadata of a model folder. Raises ``ModelError``."""
    try:
        return Metadata.model_validate_json((path / METADATA).read_bytes())
    except OSError as error:
        raise ModelError(f"model folder '{path}': {METADATA} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise ModelError(f"model folder '{path}': {METADATA}: {_first_problem(error)}") from error


def load_arrays(file: Path) -> dict[str, Float32Array]:
    """All arrays of an ``.npz`` by name, without running code.

    Raises:
        ModelError: it is not an archive of float32 arrays.
    """
    try:
        with np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except FileNotFoundError as error:
        raise ModelError(f"'{file}' does not exist") from error
    except _NO_ARCHIVE as error:
        raise ModelError(f"'{file}' is not an .npz archive of plain arrays") from error
    wrong = [name for name, array in arrays.items() if array.dtype != np.float32]
    if wrong:
        raise ModelError(f"'{file}': expected float32 arrays, got {arrays[wrong[0]].dtype} in {wrong[0]}")
    return arrays


def _read_sums(path: Path) -> dict[str, str]:
    """SHA-256 by name relative to the folder."""
    if not path.is_dir():
        raise ModelError(f"model folder '{path}' does not exist: expected a folder with {SUMS}")
    try:
        lines = (path / SUMS).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ModelError(f"model folder '{path}': {SUMS} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ModelError(f"model folder '{path}': {SUMS} is not text") from error
    sums: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        match = _SUM_LINE.fullmatch(line)
        if match is None:
            raise ModelError(f"model folder '{path}': {SUMS} line {number}: expected 'sha256  file'")
        if not _is_inside(match[2]) or match[2] in sums:
            raise ModelError(f"model folder '{path}': {SUMS} line {number}: {match[2]!r} may not be named there")
        sums[match[2]] = match[1]
    return sums


def _is_inside(name: str) -> bool:
    """True for a plain relative name that cannot leave the folder."""
    parts = PurePosixPath(name).parts
    plain = bool(parts) and str(PurePosixPath(name)) == name and "\\" not in name and ":" not in name
    return plain and name.isprintable() and not name.startswith("/") and ".." not in parts and name != SUMS


def _check_file(path: Path, name: str, expected: str) -> None:
    file = path / name
    if not file.is_file():
        raise ModelError(f"model folder '{path}' lacks {name}")
    if not file.resolve().is_relative_to(path.resolve()):
        raise ModelError(f"model folder '{path}': {name} is a link that leads outside")
    try:
        with file.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"model folder '{path}': {name} cannot be read: {error.strerror}") from error
    if found != expected:
        raise ModelError(
            f"model folder '{path}': {name} was altered: expected sha256 {expected[:12]}..., got {found[:12]}...; "
            "get the model again"
        )


def _check_golden(golden: Mapping[str, Float32Array], block: SonocueBlock, path: Path) -> None:
    names = {"image", "logits"} | ({"gaze_logits"} if block.has_gaze else set())
    if set(golden) != names:
        raise ModelError(f"model folder '{path}': {GOLDEN}: expected {sorted(names)}, got {sorted(golden)}")
    image, logits = golden["image"], golden["logits"]
    count = len(image) if image.ndim else 0
    expected: dict[str, tuple[int, ...]] = {
        "image": (count, 1, block.preprocessing.height_px, block.preprocessing.width_px),
        "logits": (count, len(block.classes)),
    }
    for name, shape in expected.items():
        if golden[name].shape != shape:
            raise ModelError(f"model folder '{path}': {GOLDEN}: {name}: expected {shape}, got {golden[name].shape}")
    gaze = golden.get("gaze_logits")
    if gaze is not None and (gaze.ndim != 3 or len(gaze) != count):
        raise ModelError(f"model folder '{path}': {GOLDEN}: gaze_logits: expected ({count}, h, w), got {gaze.shape}")
    if count == 0 or not all(np.isfinite(array).all() for array in (image, logits, *(() if gaze is None else (gaze,)))):
        raise ModelError(f"model folder '{path}': {GOLDEN}: expected at least one frame, all values finite")


def _first_problem(error: ValidationError) -> str:
    """The first problem on one line, with its place."""
    problem = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in problem["loc"])
    message = " ".join(problem["msg"].removeprefix("Value error, ").split())
    return f"{place}: {message}" if place else message


# --------------------------------------------------------------------------------------------------------------------
# Write
# --------------------------------------------------------------------------------------------------------------------


def write_bundle(
    out: Path,
    *,
    name: str,
    classes: Sequence[str],
    background: str,
    preprocessing: Preprocessing,
    temperature: float,
    abstain_below: float,
    trained_on: Origin,
    training_data: str,
    onnx: Mapping[Precision, Path],
    golden: Mapping[str, npt.NDArray[Any]],
    card: str,
    task: str = "Standard plane detection in fetal ultrasound",
    description: str = "",
    authors: str = "Sonocue",
    rights: str = "see docs/README.md",
    extra_files: Mapping[str, Path] | None = None,
    familiarity: Familiarity | None = None,
) -> ModelBundle:
    """Write a model folder. It appears whole under ``out`` or not at all; a model that stood there is replaced.

    Args:
        out: the folder to make.
        name: short name, the first half of ``model_id``: letters, digits, ``. _ -``.
        classes: plane names in the order of the logits.
        background: the class among them that means no standard plane.
        preprocessing: see ``Preprocessing``.
        temperature: see ``ModelBundle``.
        abstain_below: see ``ModelBundle``.
        trained_on: origin of the training images.
        training_data: what the network learned from, in a sentence.
        onnx: at least one network by precision; files are copied.
        golden: ``image`` (N, 1, H, W) network inputs with ``logits`` (N, n_classes) and, when the network has a gaze
            head, ``gaze_logits`` (N, h, w), as the float network gave them; all float32.
        card: model card in Markdown: training data, intended use, limits, measured results.
        task: plain words for MONAI's metadata.
        description: longer plain words; ``training_data`` when empty.
        authors: who made the model.
        rights: copyright line.
        extra_files: further files by their name in the folder, e.g. ``models/speech.onnx``.
        familiarity: what the training images were like; None: the model does not know what is unlike them.

    Raises:
        ModelError: the parts do not fit together, or ``out`` cannot be written.
    """
    gaze = golden.get("gaze_logits")
    if gaze is not None and np.ndim(gaze) != 3:
        raise ModelError(f"gaze_logits: expected (N, h, w), got {np.shape(gaze)}")
    try:
        block = SonocueBlock(
            format=1,
            name=name,
            classes=tuple(classes),
            background=background,
            preprocessing=PreprocessingBlock(**asdict(preprocessing)),
            temperature=temperature,
            abstain_below=abstain_below,
            trained_on=trained_on,
            training_data=training_data,
            has_gaze=gaze is not None,
            familiarity=_familiarity_block(familiarity),
        )
        metadata = Metadata(
            version="0.1.0",
            changelog={"0.1.0": "first version"},
            monai_version=_installed("monai"),
            pytorch_version=_installed("torch"),
            numpy_version=np.__version__,
            required_packages_version={},
            task=task,
            description=description or training_data,
            authors=authors,
            copyright=rights,
            network_data_format=network_data_format(
                block.preprocessing, block.classes, None if gaze is None else (gaze.shape[1], gaze.shape[2])
            ),
            sonocue=block,
        )
    except ValidationError as error:
        raise ModelError(f"model '{name}': {_first_problem(error)}") from error

    copies = {ONNX[precision]: file for precision, file in onnx.items()} | dict(extra_files or {})
    reserved = {METADATA, GOLDEN, CARD, *ONNX.values()}
    wrong = [extra for extra in extra_files or {} if extra in reserved or not _is_inside(extra)]
    if wrong:
        raise ModelError(f"extra files of a model may not be called {', '.join(wrong)}")

    with _folder_that_appears_whole(out) as folder:
        for file in (METADATA, GOLDEN, CARD, *copies):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / METADATA).write_text(metadata.model_dump_json(indent=2) + "\n", encoding="utf-8")
        (folder / CARD).write_text(card, encoding="utf-8")
        np.savez_compressed(folder / GOLDEN, allow_pickle=False, **{key: np.asarray(golden[key]) for key in golden})
        for relative, source in copies.items():
            shutil.copyfile(source, folder / relative)
        _write_sums(folder)
        read_bundle(folder)
    return read_bundle(out)


def set_familiarity(path: Path, familiarity: Familiarity) -> ModelBundle:
    """Write into a model folder what its training images were like; the model gets another id.

    Raises:
        ModelError: it is no model folder, the parts do not fit together, or it cannot be written.
    """
    read_bundle(path)
    metadata = read_metadata(path)
    try:
        fields = metadata.sonocue.model_dump() | {"familiarity": _familiarity_block(familiarity)}
        block = SonocueBlock.model_validate(fields)
    except ValidationError as error:
        raise ModelError(f"model folder '{path}': {_first_problem(error)}") from error
    changed = metadata.model_copy(update={"sonocue": block})
    with _folder_that_appears_whole(path) as folder:
        shutil.copytree(path, folder, dirs_exist_ok=True)
        (folder / METADATA).write_text(changed.model_dump_json(indent=2) + "\n", encoding="utf-8")
        (folder / SUMS).unlink()
        _write_sums(folder)
        read_bundle(folder)
    return read_bundle(path)


def _familiarity_block(familiarity: Familiarity | None) -> FamiliarityBlock | None:
    return None if familiarity is None else FamiliarityBlock(**asdict(familiarity))


def _write_sums(folder: Path) -> None:
    lines = []
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            lines.append(f"{digest}  {file.relative_to(folder).as_posix()}\n")
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


@contextmanager
def _folder_that_appears_whole(out: Path) -> Iterator[Path]:
    """A temporary sibling of ``out`` that takes its place when the block ends without an error."""
    if out.exists() and not (out / SUMS).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise ModelError(f"'{out}' exists and is not a model folder: name another place")
    folder = out.with_name(f".{out.name}.{os.getpid()}.partial")
    replaced = out.with_name(f".{out.name}.{os.getpid()}.replaced")
    try:
        folder.mkdir(parents=True)
        yield folder
        if out.exists():
            out.rename(replaced)
        try:
            folder.rename(out)
        except OSError:
            if replaced.exists():
                replaced.rename(out)
            raise
    except OSError as error:
        raise ModelError(f"model folder '{out}' cannot be written: {error.strerror}: {error.filename}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(replaced, ignore_errors=True)


def _installed(package: str) -> str:
    """Version of a package that need not be there: MONAI's schema asks for it."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
