"""All settings of a training run, read from one TOML file. Read once, by the command's only thread.

A run folder keeps a copy of the file, so that the run can be made again from it.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from assistant.errors import ConfigError

Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataConfig(_Section):
    """From sessions to arrays, windows and splits.

    Attributes:
        height_px, width_px: size of the network's input; multiples of 32, since the encoder halves five times.
        paint_out: calipers, words and colour drawn over the image are painted out, and a frame with too much of it is
            left out (``burned_in``), so that nothing learns to read instead of to look.
        frames_hz: so many frames a second are kept; the labels of a scan change more slowly than its frames come.
        clip_frames, clip_s: a clip is so many frames, evenly over so many seconds.
        speech_s: length of the speech around the clip's centre.
        window_step_s: distance of the centres at which pairs are formed.
        min_speech: share of a speech window that must be speech, or it forms no pair.
        validation, test: shares of the subjects; at least one subject each.
        gaze_window_s: gaze samples within so many seconds around a frame count as its fixations.
        gaze_sigma: standard deviation of the blur that makes a density of them, as a share of the crop's width.
    """

    height_px: Annotated[int, Field(ge=32, le=512, multiple_of=32)] = 128
    width_px: Annotated[int, Field(ge=32, le=512, multiple_of=32)] = 128
    paint_out: bool = True
    frames_hz: Positive = 4.0
    clip_frames: Count = 4
    clip_s: Positive = 1.0
    speech_s: Positive = 2.0
    window_step_s: Positive = 0.5
    min_speech: Share = 0.3
    validation: Share = 0.2
    test: Share = 0.2
    gaze_window_s: Positive = 0.5
    gaze_sigma: Positive = 0.05


class EncoderConfig(_Section):
    """The two encoders and the gaze decoder.

    Attributes:
        name: ``resnet`` (two basic blocks a stage, dense convolutions only), or ``seresnext50`` (the large one).
        widths: channels of the four stages of ``resnet``.
        speech_widths: channels of the four convolutions over time of the speech encoder.
        embedding: dimensions of the space that both sides are projected to.
        decoder_channels: of the gaze decoder.
        norm: ``batch`` (fastest live: it folds into the convolution before it), or ``group`` (Wu 2018, arXiv
            1803.08494), which several processes on CPU need, since it looks at each image by itself.
    """

    name: Literal["resnet", "seresnext50"] = "resnet"
    widths: tuple[Count, Count, Count, Count] = (32, 64, 96, 160)
    speech_widths: tuple[Count, Count, Count, Count] = (64, 64, 96, 128)
    embedding: Count = 128
    decoder_channels: Count = 48
    norm: Literal["batch", "group"] = "batch"


class PretrainConfig(_Section):
    """Pretraining on video and speech, or on video alone. A weight of 0 leaves that part out.

    Attributes:
        epochs: an epoch draws as many pairs as there are windows; 0 leaves pretraining out.
        recordings, windows: a batch is so many recordings times so many windows of each.
        learning_rate, weight_decay: of AdamW; the rate rises over a tenth of the steps and falls as a cosine.
        hard_positive_share: pairs whose speech is shifted by up to 0.5 s.
        easy_negative_weight: of negatives from other recordings, against those from the same one. They can be told by
            whose voice goes with whose anatomy, which carries over to nobody else.
        contrastive: what the embeddings of clip and speech learn from; ``mil_nce`` asks that one of ``bag`` speech
            windows within ``bag_reach_s`` of the clip fits it, ``none`` leaves it out.
        margin: taken from the cosine of the positive pair (0: plain InfoNCE).
        correspondence_weight: of the correspondence loss beside the contrastive one.
        order_weight: of telling the order of a shuffled clip; needs at least three frames a clip.
        transform_weight: of telling how the clip was moved.
        video_contrast_weight, speech_contrast_weight: of telling two views of a clip, or of a piece of speech, from
            others (SimCLR), most of all from others of the same recording. Until each side knows something by itself,
            neither has anything to tell the other; with pairs to learn from, it ends with the warm-up.
        pacing: ``none`` (all pairs count alike), how admitted pairs are weighted, or ``oracle``: by the truth of a
            software scanner about what was said, an upper bound.
        warm_up: share of the epochs before pacing begins.
        rho_0, rho_1: admitted share of the pairs when pacing begins and at the end; ``rho_1`` is at most the share of
            the speech that speaks about the image.
        ema: how slowly the averaged encoders follow, a step.
    """

    epochs: Annotated[int, Field(ge=0)] = 20
    recordings: Count = 8
    windows: Count = 4
    learning_rate: Positive = 1e-3
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    hard_positive_share: Share = 0.5
    easy_negative_weight: Share = 0.1
    contrastive: Literal["none", "info_nce", "mil_nce"] = "info_nce"
    bag: Annotated[int, Field(ge=2, le=9)] = 3
    bag_reach_s: Positive = 2.0
    margin: Share = 0.0
    correspondence_weight: Weight = 0.5
    order_weight: Weight = 0.0
    transform_weight: Weight = 0.0
    video_contrast_weight: Weight = 1.0
    speech_contrast_weight: Weight = 1.0
    pacing: Literal["none", "hard", "linear", "mixture", "oracle"] = "mixture"
    warm_up: Share = 0.3
    rho_0: Share = 0.4
    rho_1: Share = 0.7
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.99

    @model_validator(mode="after")
    def _grows(self) -> Self:
        if not 0 < self.rho_0 <= self.rho_1:
            raise ValueError(f"expected 0 < rho_0 <= rho_1, got {self.rho_0} and {self.rho_1}")
        video = (self.order_weight, self.transform_weight, self.video_contrast_weight)
        if not self.learns_speech and not any(video):
            raise ValueError("nothing is left to learn: contrastive is 'none' and all weights are 0")
        return self

    @property
    def learns_from_pairs(self) -> bool:
        """Whether video and speech teach each other."""
        return self.contrastive != "none" or self.correspondence_weight > 0

    @property
    def learns_speech(self) -> bool:
        """Whether speech has a part in it."""
        return self.learns_from_pairs or self.speech_contrast_weight > 0


class FinetuneConfig(_Section):
    """Fine-tuning of both heads together.

    Attributes:
        epochs, frames_per_epoch: how long; the frames of an epoch are drawn at random.
        batch: frames a step.
        learning_rate, encoder_rate: of the heads, and of the encoder as a share of it.
        weight_decay: of AdamW.
        balance: 0 draws classes as often as they occur, 1 all equally often.
        gaze_weight: of the gaze loss beside the plane loss.
        ema: how slowly the averaged network, which is the one that is kept, follows, a step.
        labelled_subjects: share of the training subjects whose labels and gaze are used, evenly over their names; the
            video and speech of the others serve pretraining alone.
        label_share: share of these subjects' labelled frames, of each class, that are used; with less than 1,
            frames with gaze alone are left out too.
        from_pretraining: begin with the pretrained encoder (else at random, for comparison).
    """

    epochs: Count = 8
    frames_per_epoch: Count = 4000
    batch: Count = 64
    learning_rate: Positive = 2e-3
    encoder_rate: Share = 0.5
    weight_decay: Annotated[float, Field(ge=0)] = 1e-2
    balance: Share = 0.5
    gaze_weight: Annotated[float, Field(ge=0)] = 0.5
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.99
    labelled_subjects: Annotated[float, Field(gt=0, le=1)] = 1.0
    label_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    from_pretraining: bool = True


class DistillConfig(_Section):
    """Distillation: a student learns from a teacher's answers.

    Attributes:
        epochs, frames_per_epoch, batch: how long; frames are drawn at random, whatever they show.
        learning_rate, weight_decay: of AdamW.
        temperature: by which both networks' logits are divided.
        gaze_weight: of the gaze loss beside the plane loss.
        feature_weight: of the cosine distance of the features (through a linear map); 0 leaves it out.
        ema: how slowly the averaged student, which is the one that is kept, follows, a step.
    """

    epochs: Count = 20
    frames_per_epoch: Count = 6000
    batch: Count = 64
    learning_rate: Positive = 3e-3
    weight_decay: Annotated[float, Field(ge=0)] = 1e-3
    temperature: Positive = 2.0
    gaze_weight: Weight = 0.5
    feature_weight: Weight = 0.5
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.99


class ExportConfig(_Section):
    """The model folder.

    Attributes:
        name: first half of the model's id.
        precisions: which networks the folder holds.
        speech_encoder: also write the speech encoder and both projections.
        calibration_frames: so many frames of the training subjects set the ranges of INT8.
        weight_bits: of INT8; 7 for processors without VNNI, where sums of larger ones overflow.
        symmetric: also write the INT8 network that TensorRT needs.
        abstain_accuracy: confidence under which the model abstains: the lowest at which the rest of the validation
            frames is right this often.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] = "sonocue"
    precisions: Annotated[tuple[Literal["float", "int8"], ...], Field(min_length=1)] = ("float", "int8")
    speech_encoder: bool = True
    calibration_frames: Count = 200
    weight_bits: Literal[8, 7] = 8
    symmetric: bool = False
    abstain_accuracy: Share = 0.95


class TableConfig(_Section):
    """Which comparisons ``sonocue train table`` makes.

    Attributes:
        rows: names of ``table.ROWS``; empty: all.
        seeds: of weights and drawing; the split is that of the run's seed.
        label_shares: of the training subjects' labelled frames.
        processes: rows that are made at a time; networks as small as those of ``small.toml`` gain nothing from a second
            thread each.
    """

    rows: tuple[str, ...] = ()
    seeds: Annotated[tuple[int, ...], Field(min_length=1)] = (0, 1, 2)
    label_shares: Annotated[tuple[Annotated[float, Field(gt=0, le=1)], ...], Field(min_length=1)] = (
        0.01,
        0.05,
        0.1,
        1.0,
    )
    processes: Count = 1


class ComputeConfig(_Section):
    """Where pretraining and fine-tuning compute; the same joint batch whatever stands here.

    Attributes:
        accelerator: ``cpu``, ``gpu`` or what Lightning Fabric finds (``auto``).
        devices: of one machine; each has a process. Under ``torchrun`` its number of processes holds instead.
        nodes: machines that train together.
        precision: ``32-true``; ``bf16-mixed`` or ``16-mixed`` compute networks in 16 bits, losses and affinity in 32.
        checkpoint_s: so often a checkpoint is written within an epoch; 0: after each step.
    """

    accelerator: Literal["auto", "cpu", "gpu"] = "cpu"
    devices: Count = 1
    nodes: Count = 1
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    checkpoint_s: Weight = 300.0


class TrainConfig(_Section):
    """A whole run.

    Attributes:
        seed: of the splits, the weights and all drawing.
        threads: that torch may use.
        class_list: a shipped list (``sononet13``) or a ``.toml`` file; classes without examples are left out of the
            model.
        classes: planes that the model must know; empty: those of the list that occur.
    """

    seed: int = 0
    threads: Count = 2
    class_list: str = "sononet13"
    classes: tuple[str, ...] = ()
    compute: ComputeConfig = ComputeConfig()
    data: DataConfig = DataConfig()
    encoder: EncoderConfig = EncoderConfig()
    pretrain: PretrainConfig = PretrainConfig()
    finetune: FinetuneConfig = FinetuneConfig()
    distill: DistillConfig = DistillConfig()
    export: ExportConfig = ExportConfig()
    table: TableConfig = TableConfig()

    @model_validator(mode="after")
    def _has_an_order(self) -> Self:
        if self.pretrain.order_weight and self.data.clip_frames < 3:
            raise ValueError(f"pretrain.order_weight needs data.clip_frames of at least 3, got {self.data.clip_frames}")
        return self


def load_config(path: Path) -> TrainConfig:
    """Read a TOML file.

    Raises:
        ConfigError: it cannot be read, is not TOML, or has an unknown key or a value out of range.
    """
    try:
        return TrainConfig.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(f"training config '{path}' cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"training config '{path}' is not TOML: {error}") from error
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in problem["loc"])
        what = "unknown key" if problem["type"] == "extra_forbidden" else problem["msg"].removeprefix("Value error, ")
        raise ConfigError(f"training config '{path}': {place}: {what}") from error
