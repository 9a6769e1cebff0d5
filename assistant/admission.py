"""Lets an engine work only when it says what the network said when it was made (the model's golden outputs).

Drivers, graph optimisers and processors have bugs, and a wrong answer looks like a right one. So each engine answers
golden frames before it may work; one that strays is refused with the numbers, and the next takes over, visibly. All
frames are compared once for each model, engine, version and processor (``admission_record.py``), eight at each start
after that.

Runs on the engine's thread: engines want to be loaded and run on the same one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from assistant.admission_record import remember, was_admitted
from assistant.bundle import load_arrays
from assistant.contracts import Float32Array
from assistant.errors import BackendError, ModelError, PluginError
from assistant.metrics import correlation
from assistant.model_contracts import Backend, ModelBundle, Precision
from assistant.network_check import check_network
from assistant.plugin_loader import load_plugin

FRAMES_AT_START = 8
"""Golden frames that are checked at each start after the first."""

LEAST_SAME_PLANE = 0.99
"""Share of golden frames on which the most likely plane must be the same."""

LEAST_GAZE_CORRELATION = 0.98
"""Mean Pearson correlation (CC) of the gaze maps over the golden frames."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well an engine agrees with the golden outputs.

    Attributes:
        frames: how many were compared.
        same_plane: share of frames with the same most likely plane, in [0, 1].
        gaze_correlation: mean CC of the gaze maps; None when the model has no gaze head.
        finite: all outputs are finite.
        largest_difference: of the logits, absolute.
    """

    frames: int
    same_plane: float
    gaze_correlation: float | None
    finite: bool
    largest_difference: float

    @property
    def admitted(self) -> bool:
        """Within the tolerance."""
        gaze_agrees = self.gaze_correlation is None or self.gaze_correlation >= LEAST_GAZE_CORRELATION
        return self.finite and self.same_plane >= LEAST_SAME_PLANE and gaze_agrees

    def __str__(self) -> str:
        if not self.finite:
            return f"gave values that are not finite on {self.frames} golden frames"
        gaze = "" if self.gaze_correlation is None else f", gaze CC {self.gaze_correlation:.3f}"
        return (
            f"same plane on {100 * self.same_plane:.0f} % of {self.frames} golden frames{gaze}, "
            f"logits at most {self.largest_difference:.2g} apart"
        )


@dataclass(frozen=True, slots=True)
class AdmittedEngine:
    """An engine that has loaded the model and agrees with it.

    Attributes:
        backend: loaded and warm; use and close it on the thread that loaded it.
        precision: of the network that it runs.
        description: one line for people.
        agreement: with the golden outputs.
        shapes: of its outputs by name, for one frame.
        refusals: one line for each engine that was tried before, and why it was not taken.
    """

    backend: Backend
    precision: Precision
    description: str
    agreement: Agreement
    shapes: Mapping[str, tuple[int, ...]]
    refusals: tuple[str, ...] = ()


def create_backend(spec: str, threads: int) -> Backend:
    """An engine by its name in a config, not yet loaded.

    Args:
        spec: ``name`` or ``name:argument``; what the argument means, the engine's file says.
        threads: that the engine may use.

    Raises:
        PluginError: there is no such engine, or it is not installed.
        BackendError: the argument cannot be used.
    """
    name, colon, argument = spec.partition(":")
    create = load_plugin("sonocue.backends", name)
    backend: Backend = create(threads, argument) if colon else create(threads)
    return backend


def candidates(bundle: ModelBundle, specs: Sequence[str]) -> list[tuple[str, Precision]]:
    """Which engines may be tried with which precision, in order: INT8 before float with each."""
    precisions: tuple[Precision, ...] = ("int8", "float")
    return [(spec, precision) for spec in specs for precision in precisions if precision in bundle.onnx]


def admit(bundle: ModelBundle, spec: str, precision: Precision, threads: int) -> AdmittedEngine:
    """Load one engine and compare it with the golden outputs.

    Args:
        bundle: the model.
        spec: ``name`` or ``name:argument``.
        precision: of the network to run.
        threads: that the engine may use.

    Raises:
        PluginError: there is no such engine, or it is not installed.
        BackendError: it cannot load the model, or does not agree; the line has the numbers.
        ModelError: the network or the golden file cannot be used by any engine.
    """
    check_network(bundle.onnx[precision], bundle)
    backend = create_backend(spec, threads)
    try:
        description = backend.load(bundle, precision)
        known = was_admitted(bundle, description)
        agreement = compare(backend, bundle, FRAMES_AT_START if known else None)
    except BaseException:
        backend.close()
        raise
    if not agreement.admitted:
        backend.close()
        raise BackendError(f"was refused: {agreement}; {_tolerance(bundle)}")
    if not known:
        remember(bundle, description, agreement)
    golden = load_arrays(bundle.golden)
    shapes = {name: (1, *array.shape[1:]) for name, array in golden.items() if name != "image"}
    return AdmittedEngine(backend, precision, description, agreement, shapes)


def load_engine(bundle: ModelBundle, specs: Sequence[str], threads: int) -> AdmittedEngine:
    """The first engine that loads the model and agrees with its golden outputs; INT8 before float with each.

    Args:
        bundle: the model.
        specs: engines (plugins of the group ``sonocue.backends``, ``name`` or ``name:argument``), the preferred one
            first.
        threads: that the engine may use.

    Raises:
        BackendError: none does; the line says why for each.
    """
    refusals: list[str] = []
    missing: set[str] = set()
    for spec, precision in candidates(bundle, specs):
        if spec in missing:
            continue
        try:
            return replace(admit(bundle, spec, precision, threads), refusals=tuple(refusals))
        except PluginError as error:
            missing.add(spec)  # the other precision would fail the same way
            refusals.append(f"{spec}: {error}")
        except (BackendError, ModelError) as error:
            refusals.append(refusal(spec, precision, error))
    raise no_engine(bundle, refusals)


def refusal(spec: str, precision: Precision, reason: object) -> str:
    """One line about an engine that was not taken."""
    return f"{spec} ({precision}): {reason}"


def no_engine(bundle: ModelBundle, refusals: Sequence[str]) -> BackendError:
    """None can run the model; why not, for each."""
    return BackendError(f"no engine can run the model {bundle.model_id}: {'; '.join(refusals) or 'none was named'}")


def compare(backend: Backend, bundle: ModelBundle, frames: int | None = None) -> Agreement:
    """Let a loaded engine answer golden frames, one at a time as live.

    Args:
        backend: has loaded ``bundle``, on this thread.
        bundle: owns the golden outputs.
        frames: how many, spread over the file; None for all.

    Raises:
        BackendError: the engine fails, or gives outputs of other shapes.
        ModelError: the golden file cannot be read.
    """
    golden = load_arrays(bundle.golden)
    count = len(golden["image"])
    chosen = np.unique(np.linspace(0, count - 1, min(frames or count, count)).round().astype(int))
    outputs = [backend.infer(golden["image"][index : index + 1]) for index in chosen]
    for name in (each for each in golden if each != "image"):
        _check_shapes(name, outputs, golden[name].shape[1:])
    found = {name: np.concatenate([each[name] for each in outputs]) for name in golden if name != "image"}
    finite = all(np.isfinite(array).all() for array in found.values())
    if not finite:
        return Agreement(len(chosen), 0.0, None, finite, float("nan"))

    expected = {name: golden[name][chosen] for name in found}
    same = found["logits"].argmax(axis=1) == expected["logits"].argmax(axis=1)
    gaze_correlation = None
    if bundle.has_gaze:
        pairs = zip(expected["gaze_logits"], found["gaze_logits"], strict=True)
        gaze_correlation = float(np.mean([correlation(_density(truth), _density(given)) for truth, given in pairs]))
    difference = float(np.abs(found["logits"] - expected["logits"]).max())
    return Agreement(len(chosen), float(same.mean()), gaze_correlation, finite, difference)


def _check_shapes(name: str, outputs: Sequence[Mapping[str, Float32Array]], expected: tuple[int, ...]) -> None:
    for each in outputs:
        if name not in each or each[name].shape != (1, *expected):
            got = each[name].shape if name in each else "nothing"
            raise BackendError(f"the engine's {name}: expected (1, {', '.join(map(str, expected))}), got {got}")


def _density(gaze_logits: Float32Array) -> Float32Array:
    """Proportional to the density; CC does not mind the factor."""
    density: Float32Array = np.exp(gaze_logits - gaze_logits.max())
    return density


def _tolerance(bundle: ModelBundle) -> str:
    gaze = f", CC >= {LEAST_GAZE_CORRELATION}" if bundle.has_gaze else ""
    return f"expected finite values, the same plane on {100 * LEAST_SAME_PLANE:.0f} %{gaze}"
