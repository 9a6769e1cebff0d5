"""What a model is once its folder was read, and what an inference engine does with it.

The part of the contracts (``contracts.py``, which comes first) that engines, model folders and the trainer speak. Data
types and a Protocol only; any thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from assistant.contracts import Float32Array, Origin

Precision = Literal["float", "int8"]


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How an image becomes the network's input: grey, crop, area resize, normalise. One definition, live and trained.

    Attributes:
        crop: (top, left, bottom, right) as fractions of the image's height and width, in [0, 1].
        height_px, width_px: size of the network's input.
        normalisation: ``fixed``: ``(x - mean) / std``; ``image``: ``scale * (x - mean(x)) / std(x)`` over the cropped
            image; x in [0, 255].
        mean, std: used by ``fixed``, in grey levels.
        scale: used by ``image``.
    """

    crop: tuple[float, float, float, float]
    height_px: int
    width_px: int
    normalisation: Literal["fixed", "image"] = "fixed"
    mean: float = 127.5
    std: float = 127.5
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Familiarity:
    """What the training images were like (``assistant/in_distribution.py``), to know what is unlike them.

    Attributes:
        mean: of the d features over the training frames.
        precision: the inverse of their covariance, d*d numbers row by row.
        above: a distance above this is out of distribution.
    """

    mean: tuple[float, ...]
    precision: tuple[float, ...]
    above: float


@dataclass(frozen=True, slots=True)
class ModelBundle:
    """A model folder that was read and whose hashes were checked (``assistant/bundle.py``).

    Attributes:
        path: the folder.
        model_id: ``name@sha256`` with the first 12 digits of the hash over all its files.
        classes: plane names in the order of the logits.
        background: the class among them that means no standard plane.
        preprocessing: see there.
        temperature: logits are divided by it before the softmax.
        abstain_below: calibrated confidence under which the model abstains, in [0, 1].
        trained_on: origin of the training images.
        onnx: the files that there are, by precision.
        has_gaze: the network also gives ``gaze_logits``.
        golden: ``.npz`` with ``image``, ``logits`` and, when ``has_gaze``, ``gaze_logits``.
        digest: the whole of that hash.
        symmetric_int8: the INT8 network with zero points of 0, for engines that know no others; None without one.
        encoders: of video and of speech, as pretraining left them (``assistant/narration.py``); None without.
        familiarity: what the training images were like; None in older models: nobody looks.
    """

    path: Path
    model_id: str
    classes: tuple[str, ...]
    background: str
    preprocessing: Preprocessing
    temperature: float
    abstain_below: float
    trained_on: Origin
    onnx: Mapping[Precision, Path]
    has_gaze: bool
    golden: Path
    digest: str = ""
    symmetric_int8: Path | None = None
    encoders: tuple[Path, Path] | None = None
    familiarity: Familiarity | None = None


@runtime_checkable
class Backend(Protocol):
    """An inference engine. Entry-point group ``sonocue.backends``: a function ``create(threads: int) -> Backend``.

    One that has settings takes them as ``create(threads, argument)``: what stands after the colon in ``name:argument``.
    ``load`` and ``infer`` are called on the same thread.
    """

    name: str

    def load(self, bundle: ModelBundle, precision: Precision) -> str:
        """Load, compile and warm up. Returns one line for people: engine, version, device.

        Raises:
            BackendError: the engine or the file is missing, or the engine refuses it.
        """
        ...

    def infer(self, batch: Float32Array) -> dict[str, Float32Array]:
        """Run the network.

        Args:
            batch: ``(N, 1, H, W)`` float32, preprocessed.

        Returns:
            ``logits`` ``(N, n_classes)`` float32 and, when the bundle has it, ``gaze_logits`` ``(N, h, w)`` float32,
            a log-density up to a constant over the cropped image.
        """
        ...

    def close(self) -> None:
        """Release the engine. Idempotent."""
        ...
