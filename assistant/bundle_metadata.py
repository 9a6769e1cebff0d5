"""What ``configs/metadata.json`` of a model folder holds, and the checks that it must pass.

The file follows the MONAI bundle specification (https://docs.monai.io/en/latest/mb_specification.html), whose
mandatory keys come first; all that Sonocue needs beyond it stands in one block, ``sonocue``, in which unknown keys are
refused.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from assistant.contracts import Origin
from assistant.in_distribution import feature_count
from assistant.model_contracts import Familiarity, Preprocessing

Fraction = Annotated[float, Field(ge=0, le=1)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Side = Annotated[int, Field(ge=8, le=4096)]


class PreprocessingBlock(BaseModel):
    """``assistant.contracts.Preprocessing`` as it stands in the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    crop: tuple[Fraction, Fraction, Fraction, Fraction]
    height_px: Side
    width_px: Side
    normalisation: Literal["fixed", "image"]
    mean: Finite
    std: Positive
    scale: Positive

    @model_validator(mode="after")
    def _crop_is_not_empty(self) -> Self:
        top, left, bottom, right = self.crop
        if top >= bottom or left >= right:
            raise ValueError(f"crop: expected top < bottom and left < right, got {self.crop}")
        return self

    def to_contract(self) -> Preprocessing:
        """The same as the engine's type."""
        return Preprocessing(**self.model_dump())


class FamiliarityBlock(BaseModel):
    """``assistant.contracts.Familiarity`` as it stands in the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mean: Annotated[tuple[Finite, ...], Field(min_length=1, max_length=256)]
    precision: Annotated[tuple[Finite, ...], Field(max_length=256 * 256)]
    above: Positive

    @model_validator(mode="after")
    def _precision_fits(self) -> Self:
        if len(self.precision) != len(self.mean) ** 2:
            raise ValueError(f"precision: expected {len(self.mean) ** 2} numbers, got {len(self.precision)}")
        return self

    def to_contract(self) -> Familiarity:
        """The same as the engine's type."""
        return Familiarity(self.mean, self.precision, self.above)


class SonocueBlock(BaseModel):
    """What the assistant must know to run the model and to speak about it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1]
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    classes: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=2)]
    background: str
    preprocessing: PreprocessingBlock
    temperature: Positive
    abstain_below: Fraction
    trained_on: Origin
    training_data: str
    has_gaze: bool
    familiarity: FamiliarityBlock | None = None

    @model_validator(mode="after")
    def _classes_fit(self) -> Self:
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("classes: a name stands twice")
        if self.background not in self.classes:
            raise ValueError(f"background: '{self.background}' is not one of the classes")
        features = feature_count(has_gaze=self.has_gaze)
        if self.familiarity is not None and len(self.familiarity.mean) != features:
            raise ValueError(f"familiarity: expected {features} features, got {len(self.familiarity.mean)}")
        return self


class TensorFormat(BaseModel):
    """A MONAI tensor format specifier."""

    type: str
    format: str
    modality: str = "n/a"
    num_channels: int
    spatial_shape: tuple[int, ...]
    dtype: Literal["float32"] = "float32"
    value_range: tuple[float, ...] = ()
    is_patch_data: bool = False
    channel_def: dict[str, str]


class NetworkDataFormat(BaseModel):
    """Inputs and outputs of the network, by their names in the ONNX files."""

    inputs: dict[str, TensorFormat]
    outputs: dict[str, TensorFormat]


class Metadata(BaseModel):
    """The whole file. Keys of others (MONAI allows them) are kept apart and ignored."""

    version: str
    changelog: dict[str, str] = {}
    monai_version: str
    pytorch_version: str
    numpy_version: str
    required_packages_version: dict[str, str] = {}
    task: str
    description: str
    authors: str
    copyright: str
    network_data_format: NetworkDataFormat
    sonocue: SonocueBlock

    @model_validator(mode="after")
    def _formats_fit(self) -> Self:
        block, data = self.sonocue, self.network_data_format
        image, logits = data.inputs.get("image"), data.outputs.get("logits")
        if image is None or logits is None:
            raise ValueError("network_data_format: expected an input 'image' and an output 'logits'")
        if logits.num_channels != len(block.classes):
            raise ValueError(f"{len(block.classes)} classes stand beside {logits.num_channels} logits")
        size = (block.preprocessing.height_px, block.preprocessing.width_px)
        if image.num_channels != 1 or image.spatial_shape != size:
            raise ValueError(f"the input is {image.spatial_shape}, but preprocessing makes {size}")
        if block.has_gaze != ("gaze_logits" in data.outputs):
            raise ValueError("has_gaze and the output 'gaze_logits' contradict each other")
        return self


def network_data_format(
    preprocessing: PreprocessingBlock, classes: tuple[str, ...], gaze_shape: tuple[int, int] | None
) -> NetworkDataFormat:
    """Describe the network's input and outputs in MONAI's terms.

    Args:
        preprocessing: makes the input.
        classes: names in the order of the logits.
        gaze_shape: (h, w) of the gaze map, or None.
    """
    image = TensorFormat(
        type="image",
        format="magnitude",
        modality="US",
        num_channels=1,
        spatial_shape=(preprocessing.height_px, preprocessing.width_px),
        channel_def={"0": "B-mode image, grey, cropped and normalised"},
    )
    logits = TensorFormat(
        type="tuples",
        format="classes",
        num_channels=len(classes),
        spatial_shape=(),
        channel_def={str(index): name for index, name in enumerate(classes)},
    )
    outputs = {"logits": logits}
    if gaze_shape is not None:
        outputs["gaze_logits"] = TensorFormat(
            type="image",
            format="magnitude",
            num_channels=1,
            spatial_shape=gaze_shape,
            channel_def={"0": "log-density of gaze over the crop, up to a constant"},
        )
    return NetworkDataFormat(inputs={"image": image}, outputs=outputs)
