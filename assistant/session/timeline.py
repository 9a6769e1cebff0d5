"""The lines of ``timeline.jsonl``: one JSON object each, with ``captured_ns``, ``kind`` and the facts.

Pure functions, used by the writer's thread and by readers. ``README.md`` lists what each kind holds.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, get_args

import numpy as np

from assistant.contracts import (
    Abstention,
    Decision,
    Float32Array,
    GazeSample,
    Guidance,
    TimelineEvent,
    TimelineKind,
)
from assistant.errors import SessionError


def encode_line(event: TimelineEvent) -> str:
    """One line without its newline. Raises ``ValueError`` when the data cannot stand in JSON."""
    reserved = {"captured_ns", "kind"} & event.data.keys()
    if reserved:
        raise ValueError(f"timeline data must not have keys of their own called {sorted(reserved)}")
    line = {"captured_ns": event.captured_ns, "kind": event.kind, **event.data}
    try:
        return json.dumps(line, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain)
    except TypeError as error:
        raise ValueError(str(error)) from error


def decode_line(line: str) -> TimelineEvent:
    """The event of one line. Raises ``ValueError`` when it is not one."""
    try:
        data = json.loads(line)
        captured_ns, kind = data.pop("captured_ns"), data.pop("kind")
    except (KeyError, AttributeError, TypeError, RecursionError) as error:
        raise ValueError("expected an object with captured_ns and kind") from error
    if type(captured_ns) is not int or kind not in get_args(TimelineKind):
        raise ValueError(f"expected captured_ns (an integer) and a kind, got {captured_ns!r} and {kind!r}")
    return TimelineEvent(captured_ns, kind, data)


def gaze_event(sample: GazeSample) -> TimelineEvent:
    """A gaze sample as a line; coordinates without meaning (NaN) become null."""
    return TimelineEvent(
        sample.captured_ns,
        "gaze",
        {
            "x_px": _finite(sample.x_px),
            "y_px": _finite(sample.y_px),
            "valid": sample.valid,
            "device_x": _finite(sample.device_x),
            "device_y": _finite(sample.device_y),
        },
    )


def gaze_sample(event: TimelineEvent) -> GazeSample:
    """The gaze sample of a line. Raises ``SessionError`` when it holds none."""
    data = event.data
    with _facts_of(event):
        x_px, y_px = (math.nan if data[key] is None else float(data[key]) for key in ("x_px", "y_px"))
        device_x, device_y = (None if data[key] is None else float(data[key]) for key in ("device_x", "device_y"))
        return GazeSample(event.captured_ns, x_px, y_px, bool(data["valid"]), device_x, device_y)


def guidance_event(guidance: Guidance) -> TimelineEvent:
    """Guidance as a line: decision and probabilities as they are, the gaze map as 8 bits of its peak."""
    decision = guidance.decision
    return TimelineEvent(
        guidance.captured_ns,
        "guidance",
        {
            "frame_index": guidance.frame_index,
            "stream": guidance.stream,
            "scene": guidance.scene,
            "ready_ns": guidance.ready_ns,
            "model_id": guidance.model_id,
            "plane": decision.plane,
            "top": decision.top,
            "confidence": _finite(decision.confidence),
            "abstention": decision.abstention,
            # The shortest decimal that gives the same float32 back: exact, and half as long as a double's.
            "probabilities": [float(str(p)) if np.isfinite(p) else None for p in guidance.probabilities],
            "gaze_rect_px": list(guidance.gaze_rect_px),
            "gaze_map": None if guidance.gaze_map is None else _pack_map(guidance.gaze_map),
        },
    )


def guidance_of(event: TimelineEvent) -> Guidance:
    """The guidance of a line; its gaze map is true to 1/255 of its peak. Raises ``SessionError`` when it holds none."""
    with _facts_of(event):
        return _guidance_of(event)


@contextmanager
def _facts_of(event: TimelineEvent) -> Iterator[None]:
    """What is missing or of another kind than it should be, as one line."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, MemoryError) as error:
        why = f"it lacks {error}" if isinstance(error, KeyError) else error
        raise SessionError(f"timeline: {event.kind} at {event.captured_ns} ns cannot be read: {why}") from error


def _guidance_of(event: TimelineEvent) -> Guidance:
    data = event.data
    abstention = data["abstention"]
    confidence = math.nan if data["confidence"] is None else data["confidence"]
    return Guidance(
        frame_index=data["frame_index"],
        captured_ns=event.captured_ns,
        stream=data["stream"],
        scene=data["scene"],
        ready_ns=data["ready_ns"],
        probabilities=np.array([math.nan if p is None else p for p in data["probabilities"]], np.float32),
        decision=Decision(
            data["plane"], data["top"], confidence, None if abstention is None else Abstention(abstention)
        ),
        gaze_map=None if data["gaze_map"] is None else _unpack_map(data["gaze_map"]),
        gaze_rect_px=tuple(data["gaze_rect_px"]),
        model_id=data["model_id"],
    )


def shifted(event: TimelineEvent, offset_ns: int) -> TimelineEvent:
    """The event on a clock that is ``offset_ns`` ahead: every key that ends in ``_ns`` is a time on the clock."""
    data: Mapping[str, Any] = {
        key: value + offset_ns if key.endswith("_ns") and isinstance(value, int) else value
        for key, value in event.data.items()
    }
    return TimelineEvent(event.captured_ns + offset_ns, event.kind, data)


def _pack_map(gaze_map: Float32Array) -> dict[str, Any] | None:
    peak = float(gaze_map.max())
    if not (math.isfinite(peak) and peak > 0):
        return None
    levels = np.rint(gaze_map * (255.0 / peak)).astype(np.uint8)
    return {"shape": list(levels.shape), "peak": peak, "levels": base64.b64encode(levels.tobytes()).decode("ascii")}


def _unpack_map(packed: Mapping[str, Any]) -> Float32Array:
    levels = np.frombuffer(base64.b64decode(packed["levels"]), np.uint8).reshape(packed["shape"])
    return levels.astype(np.float32) * np.float32(packed["peak"] / 255.0)


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _plain(value: object) -> object:
    """NumPy's numbers as Python's."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a timeline value cannot be written as JSON: {value!r}")
