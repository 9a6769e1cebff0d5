"""The data types and Protocols that every room speaks. Read this file first.

Nothing here runs by itself: devices, backends and publishers are plugins that implement the Protocols, the engine in
``assistant/`` moves the data types between them, the trainer reads them back from recorded sessions. Models and engines
stand in ``model_contracts.py``, what a window may know in ``snapshot.py``, how a device is steered in ``steering.py``.

Conventions
-----------
- Time is an integer of nanoseconds on one monotonic clock (``time.perf_counter_ns``), stamped at capture. Wall time
  exists only as one anchor a session (see ``assistant/session/README.md``).
- Every array is read-only once it stands in one of these types; whoever wants to write makes a copy.
- Pixels are ``(H, W, 3)`` uint8 in **RGB** order, or ``(H, W)`` uint8 grey. Image coordinates are pixels, x to the
  right, y downwards, ``(0, 0)`` the centre of the top left pixel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

UInt8Array = npt.NDArray[np.uint8]
Float32Array = npt.NDArray[np.float32]

StreamKind = Literal["video", "sound", "gaze", "events"]
"""What a device may deliver. ``events`` carries what is known about the others: the software scanner's truth, marks."""

Origin = Literal["real", "phantom"]
"""Where images come from: a real scanner, or the software scanner (``plugins/phantom``)."""

TimelineKind = Literal["guidance", "gaze", "event", "truth", "label"]


# --------------------------------------------------------------------------------------------------------------------
# What devices deliver
# --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One image of a video stream.

    Attributes:
        index: counts from 0 within a run and never restarts; a gap is a loss.
        captured_ns: when it was captured, on the run's clock.
        pixels: ``(H, W, 3)`` uint8 RGB or ``(H, W)`` uint8 grey, read-only.
        stream: generation of the stream; goes up by one at each reopening and each change of size. Guidance from
            another generation is never drawn over this frame.
    """

    index: int
    captured_ns: int
    pixels: UInt8Array
    stream: int = 0

    def __post_init__(self) -> None:
        shape = self.pixels.shape
        if self.pixels.dtype != np.uint8 or not (len(shape) == 2 or (len(shape) == 3 and shape[2] == 3)):
            raise ValueError(f"pixels: expected (H, W) or (H, W, 3) uint8, got {shape} {self.pixels.dtype}")
        self.pixels.flags.writeable = False

    @property
    def height_px(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def width_px(self) -> int:
        return int(self.pixels.shape[1])


@dataclass(frozen=True, slots=True, eq=False)
class AudioBlock:
    """A run of mono sound samples.

    Attributes:
        first_sample: number of the first sample since the stream began; a gap is a loss.
        captured_ns: when the first sample was captured, on the run's clock.
        sample_rate_hz: samples a second.
        samples: ``(N,)`` float32 in [-1, 1], read-only.
        overflowed: the device says that sound was lost just before this block.
    """

    first_sample: int
    captured_ns: int
    sample_rate_hz: int
    samples: Float32Array
    overflowed: bool = False

    def __post_init__(self) -> None:
        if self.samples.ndim != 1 or self.samples.dtype != np.float32:
            raise ValueError(f"samples: expected (N,) float32, got {self.samples.shape} {self.samples.dtype}")
        self.samples.flags.writeable = False

    @property
    def duration_ns(self) -> int:
        return len(self.samples) * 1_000_000_000 // self.sample_rate_hz


@dataclass(frozen=True, slots=True)
class GazeSample:
    """Where an observer looks.

    Attributes:
        captured_ns: when, on the run's clock.
        x_px, y_px: in pixels of the image (not of the monitor); may lie outside the image.
        valid: the tracker saw the eye; when False, ``x_px`` and ``y_px`` carry no meaning.
        device_x, device_y: the tracker's own coordinates, kept as they came, or None.
    """

    captured_ns: int
    x_px: float
    y_px: float
    valid: bool = True
    device_x: float | None = None
    device_y: float | None = None


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """Something that is known about a moment: one line of a session's ``timeline.jsonl``.

    Attributes:
        captured_ns: the moment it is about, on the run's clock.
        kind: which lane it belongs to.
        data: JSON-serialisable facts; what each kind holds is written in ``assistant/session/README.md``.
    """

    captured_ns: int
    kind: TimelineKind
    data: Mapping[str, Any]


StreamItem = Frame | AudioBlock | GazeSample | TimelineEvent


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """What a device turned out to be when it was opened.

    Attributes:
        name: short name for people, e.g. ``file: scan.mp4``.
        streams: which streams ``read`` may be asked for.
        origin: ``phantom`` when the images come from the software scanner (also when replayed), else ``real``.
        width_px, height_px: size of the first frame; 0 without video.
        fps: nominal frames a second; 0 when unknown or without video.
        sample_rate_hz: sound samples a second; 0 without sound.
        paced: True when ``read`` waits for real time; False when it delivers as fast as it is asked.
        sector_crop: where the B-mode image stands on the screen, (top, left, bottom, right) as fractions of height and
            width, when the device knows; it then takes the place of the model's own crop.
        notes: further facts for people and for ``session.json`` (seed, codec, ...); JSON-serialisable.
    """

    name: str
    streams: frozenset[StreamKind]
    origin: Origin = "real"
    width_px: int = 0
    height_px: int = 0
    fps: float = 0.0
    sample_rate_hz: int = 0
    paced: bool = True
    sector_crop: tuple[float, float, float, float] | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)


class Clock(Protocol):
    """One monotonic clock for a whole run. Tests use a manual one."""

    def now_ns(self) -> int:
        """Nanoseconds since an arbitrary moment, never going back."""
        ...


@runtime_checkable
class Device(Protocol):
    """Up to three streams (and events about them) on one clock: a grabber, a file, a microphone, an eye tracker.

    A plugin in the entry-point group ``sonocue.sources`` is a function ``create(argument: str, *, paced: bool) ->
    Device``; ``argument`` is what stands after the colon in ``name:argument``. ``create`` touches no hardware; ``open``
    does.

    ``paced=True`` is live: ``read`` waits until the item is due on the clock, and ``captured_ns`` is that moment.
    ``paced=False`` is lock-step: items come as fast as they are asked for; the first item of the earliest stream has
    ``captured_ns = clock.now_ns()`` at ``open`` and the others follow by the medium's own timestamps. A device that
    can only be live (a microphone, a network stream) raises ``SourceError`` from ``create`` when ``paced`` is False;
    the engine then makes and opens another when its stream ends or fails (``assistant/reopening.py``).

    Each stream is read by one thread; different streams may be read by different threads at the same time.

    Attributes:
        needs_consent: True when it hears people in the room. A microphone says so from the beginning and is not opened
            without consent; a network stream may learn only when it is open that it has sound, and is then closed.
    """

    @property
    def needs_consent(self) -> bool: ...

    def open(self, clock: Clock) -> DeviceInfo:
        """Open the device. Raises ``SourceError`` (with what to do) when it cannot."""
        ...

    def read(self, stream: StreamKind, timeout_s: float) -> StreamItem | None:
        """The next item of ``stream`` in order of time, or None when none came within ``timeout_s``.

        Raises:
            EndOfStream: the stream has ended; asked again, it says so again.
            SourceError: the device failed.
        """
        ...

    def close(self) -> None:
        """Release everything. Idempotent; from any thread; a ``read`` that waits ends with ``EndOfStream`` soon."""
        ...


# --------------------------------------------------------------------------------------------------------------------
# What the engine says
# --------------------------------------------------------------------------------------------------------------------


class Abstention(StrEnum):
    """Why no plane is named. From ``TWO_IMAGES`` on: the screen shows something else than one B-mode image."""

    LOW_CONFIDENCE = "low confidence"
    NOT_FINITE = "model output not finite"
    OUT_OF_DISTRIBUTION = "unlike the training images"
    FAST_MOTION = "fast motion"
    TWO_IMAGES = "two images"
    COLOUR_DOPPLER = "colour Doppler"
    STRIP = "PW or M-mode"
    VOLUME = "3D/4D"
    STORED_IMAGE = "stored image"
    MENU = "menu"
    NO_IMAGE = "no ultrasound image"


@dataclass(frozen=True, slots=True)
class Decision:
    """What is said about one frame.

    Attributes:
        plane: a standard plane or the background class; None when the engine abstains.
        top: the most likely class all the same.
        confidence: its probability after the temporal filter, in [0, 1].
        abstention: the reason when ``plane`` is None.
    """

    plane: str | None
    top: str
    confidence: float
    abstention: Abstention | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Guidance:
    """What the model says about one frame.

    Attributes:
        frame_index, captured_ns, stream: of the frame it is about.
        scene: number of the scene (goes up at each scene cut) that the frame belongs to.
        ready_ns: when the guidance was ready, on the run's clock.
        probabilities: ``(n_classes,)`` float32, sums to 1, of this frame alone (before the temporal filter).
        decision: class or abstention with its reason.
        gaze_map: ``(h, w)`` float32, sums to 1, over ``gaze_rect_px``; None when the model has no gaze head.
        gaze_rect_px: (top, left, bottom, right) of the map in the frame, in pixels, half open.
        model_id: which model said it.
    """

    frame_index: int
    captured_ns: int
    stream: int
    scene: int
    ready_ns: int
    probabilities: Float32Array
    decision: Decision
    gaze_map: Float32Array | None
    gaze_rect_px: tuple[int, int, int, int]
    model_id: str


@runtime_checkable
class Publisher(Protocol):
    """Sends guidance to another program.

    A plugin in the entry-point group ``sonocue.publishers`` is a function ``create(argument: str) -> Publisher``, which
    opens nothing. ``open`` and ``put`` are called on the publisher's own thread.
    """

    def open(self, session: str) -> str:
        """Begin; ``session`` is the session's id, or empty. Returns one line for people: who may receive what, where.

        Raises:
            SonocueError: it cannot begin.
        """
        ...

    def put(self, frame: Frame, guidance: Guidance) -> None:
        """Send one image and what is said about it. May block its own thread, and nothing else, for a short while.

        Raises:
            SonocueError: it failed; the run goes on without it.
        """
        ...

    def close(self) -> None:
        """End. Idempotent; from any thread; a ``put`` that waits ends soon."""
        ...
