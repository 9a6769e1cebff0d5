"""A live device that is opened again when it was lost: a cable, a sender, a sound server that comes back.

``ReopeningDevice`` stands between the engine and a device that can only be live. What it delivers goes on as one
stream: frame indices count on, each reopening is a new ``Frame.stream``, and missing sound is a gap in the samples. A
thread of its own (``reopen``) tries while nothing is there; everything else runs on the threads that read.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, Literal

from assistant.contracts import AudioBlock, Clock, Device, DeviceInfo, Frame, StreamItem, StreamKind, TimelineEvent
from assistant.errors import EndOfStream, SonocueError, SourceError
from assistant.state import RunState
from assistant.steering import Steerable

RETRY_S: Final = 0.25
PATIENT_S: Final = 60.0
PATIENT_RETRY_S: Final = 1.0
"""From ``PATIENT_S`` on it tries less often; a source that comes back is still found within two seconds."""

SOUND_STALL_S: Final = 2.0
"""A microphone never pauses: one that gives nothing for so long is lost, whatever its driver says."""

DRAIN_S: Final = 0.1  # what else the lost device still holds may be read for so long
CLOSE_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Loss:
    """A device was lost.

    Attributes:
        source: its name for people.
        leading: the stream whose end told it.
        reason: for people.
        from_ns: since when, on the run's clock.
    """

    source: str
    leading: StreamKind
    reason: str
    from_ns: int


@dataclass(slots=True)
class _Numbering:
    """How one stream goes on over all openings. Belongs to the thread that reads the stream.

    Attributes:
        opening: of which opening the last item was.
        index: of the next item: frames, or sound samples.
        stream: generation of the last frame.
        first_index, first_stream: what is added to the present opening's own.
        last_ns, until_ns: beginning and end of the last item.
    """

    opening: int = 0
    index: int = 0
    stream: int = 0
    first_index: int = 0
    first_stream: int = 0
    last_ns: int | None = None
    until_ns: int | None = None


class ReopeningDevice:
    """See the module. Implements ``contracts.Device``; ``read`` ends only when it is closed, and does not fail.

    Args:
        device: not yet opened.
        make: another one, as often as it is needed.
        allow: looks at what was opened again; raises ``SonocueError`` when it may not be used.
    """

    def __init__(self, device: Device, make: Callable[[], Device], allow: Callable[[Device], None]) -> None:
        self.on_lost: Callable[[Loss], None] = lambda _: None
        self.on_back: Callable[[Loss, int], None] = lambda _, __: None
        self._make = make
        self._allow = allow
        self._device = device
        self._trying: Device | None = None
        self._info: DeviceInfo | None = None
        self._clock: Clock | None = None
        self._leading: StreamKind = "video"
        self._numbers: dict[StreamKind, _Numbering] = {}
        self._opening = 0
        self._loss: Loss | None = None
        self._state: Literal["there", "draining", "away"] = "there"
        self._closed = False
        self._changed = threading.Condition()
        self._quiet_since_s: float | None = None
        self._worker: threading.Thread | None = None

    @property
    def needs_consent(self) -> bool:
        """See ``contracts.Device``."""
        return self._device.needs_consent

    def open(self, clock: Clock) -> DeviceInfo:
        """Open it for the first time: a source that was never there is an error. See ``contracts.Device.open``."""
        info = self._device.open(clock)
        self._clock, self._info = clock, info
        self._leading = "video" if "video" in info.streams else "sound"
        self._numbers = {stream: _Numbering() for stream in info.streams}
        return info

    def read(self, stream: StreamKind, timeout_s: float) -> StreamItem | None:
        """See ``contracts.Device.read``."""
        numbers = self._numbers.get(stream)
        with self._changed:
            if self._closed or numbers is None:
                raise EndOfStream
            if self._state == "away" or (self._state == "draining" and stream == self._leading):
                self._changed.wait(timeout_s)
                return None
            device, opening = self._device, self._opening
        reason = ""
        try:
            item = device.read(stream, timeout_s)
        except EndOfStream:
            reason = "it ended"
        except SonocueError as error:
            reason = str(error)
        except Exception as error:  # noqa: BLE001 - the driver's loop: it may raise anything, and is opened again
            reason = f"it failed: {error!r}"
        if reason:
            self._ended(stream, opening, timeout_s, reason)
            return None
        if item is None:
            self._look_for_a_stall(stream, opening)
            return None
        item = _numbered(item, numbers, opening)
        if stream == self._leading:
            self._quiet_since_s = None
            self._tell_back(item.captured_ns)
        return item

    def close(self) -> None:
        """See ``contracts.Device.close``. An opening that does not come back is left behind."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            devices, worker = [self._device, self._trying], self._worker
        for device in devices:
            if device is not None:
                device.close()
        if worker is not None:
            worker.join(CLOSE_S)

    def _look_for_a_stall(self, stream: StreamKind, opening: int) -> None:
        """Only of sound: who sends images over a network may pause, and says nothing then."""
        if stream != self._leading or stream != "sound":
            return
        now_s = time.monotonic()
        if self._quiet_since_s is None:
            self._quiet_since_s = now_s
        elif now_s - self._quiet_since_s > SOUND_STALL_S:
            self._lost(opening, f"nothing came for {SOUND_STALL_S:.0f} s")

    def _ended(self, stream: StreamKind, opening: int, timeout_s: float, reason: str) -> None:
        """A stream of one opening is at its end; the device counts as lost when the leading stream is."""
        if stream == self._leading:
            self._lost(opening, reason)
            return
        with self._changed:
            if opening == self._opening and not self._closed:
                self._changed.wait(timeout_s)

    def _lost(self, opening: int, reason: str) -> None:
        """Runs on the thread that reads the leading stream."""
        with self._changed:
            if self._closed or self._state != "there" or opening != self._opening:
                return
            if self._info is None or self._clock is None:
                raise EndOfStream
            until_ns = self._numbers[self._leading].until_ns
            from_ns = self._clock.now_ns() if until_ns is None else until_ns
            is_new = self._loss is None  # else it came back for a moment and gave nothing: it is the same gap
            loss = self._loss = self._loss or Loss(self._info.name, self._leading, reason, from_ns)
            self._state = "draining"
            self._quiet_since_s = None
            lost = (self._device, self._info, self._clock)
            self._worker = threading.Thread(target=self._reopen, args=lost, name="reopen", daemon=True)
            self._worker.start()
        if is_new:
            self.on_lost(loss)

    def _tell_back(self, captured_ns: int) -> None:
        loss, self._loss = self._loss, None
        if loss is not None:
            self.on_back(loss, captured_ns)

    def _reopen(self, lost: Device, info: DeviceInfo, clock: Clock) -> None:
        """Try until it is back. Runs on a thread of its own."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed, DRAIN_S)
            self._state = "away"
        closing = threading.Thread(target=_close, args=(lost,), name="close lost device", daemon=True)
        closing.start()
        closing.join(CLOSE_S)
        began_s = time.monotonic()
        while not self._is_closed():
            tried_s = time.monotonic()
            device = self._make_and_open(info, clock)
            with self._changed:
                self._trying = None
                if device is not None and not self._closed:
                    self._device, self._state = device, "there"
                    self._opening += 1
                    self._changed.notify_all()
                    return
                # Who waits to be called must be there when somebody calls: an attempt that took its time is followed
                # by the next one at once.
                pause_s = RETRY_S if tried_s - began_s < PATIENT_S else PATIENT_RETRY_S
                self._changed.wait_for(lambda: self._closed, max(tried_s + pause_s - time.monotonic(), 0.0))
            if device is not None:
                _close(device)

    def _is_closed(self) -> bool:
        with self._changed:
            return self._closed

    def _make_and_open(self, info: DeviceInfo, clock: Clock) -> Device | None:
        """The device, open, and like the one before; None when that cannot be yet."""
        device = None
        try:
            device = self._make()
            with self._changed:
                self._trying = device
            again = device.open(clock)
            self._allow(device)
            _check_alike(info, again)
        except Exception:  # noqa: BLE001 - the worker's loop: while hardware is away, its driver may raise anything
            if device is not None:
                _close(device)
            return None
        return device


def only_live(device: Device, make_unpaced: Callable[[], Device]) -> bool:
    """Whether a device can be nothing but live: then its ``create`` refuses lock-step (``contracts.Device``).

    The software scanner that somebody steers is live too, but it never goes away.
    """
    if isinstance(device, Steerable):
        return False
    try:
        make_unpaced()
    except SonocueError:
        return True
    return False


def tell_losses(device: Device | None, state: RunState, put: Callable[[TimelineEvent], None] | None) -> None:
    """Show and record what happens to a device that can be lost; others are left alone."""
    if not isinstance(device, ReopeningDevice):
        return

    def record(loss: Loss, at_ns: int, **facts: object) -> None:
        if put is not None:
            about = {"source": loss.source, "stream": loss.leading, "reason": loss.reason, "from_ns": loss.from_ns}
            put(TimelineEvent(at_ns, "event", {**facts, **about}))

    def lost(loss: Loss) -> None:
        if loss.leading == "video":
            state.signal_lost(loss.reason)
        else:
            state.sound_lost(f"no sound from {loss.source}: {loss.reason}")
        record(loss, loss.from_ns, event="source lost")

    def back(loss: Loss, at_ns: int) -> None:
        if loss.leading == "sound":
            state.cleared("sound")
        record(loss, at_ns, event="source back", to_ns=at_ns)

    device.on_lost, device.on_back = lost, back


def _numbered(item: StreamItem, numbers: _Numbering, opening: int) -> StreamItem:
    """The item as the next one of the whole stream."""
    if isinstance(item, Frame):
        captured_ns = _after(item.captured_ns, numbers.last_ns)
        if opening != numbers.opening:
            numbers.opening = opening
            numbers.first_index = numbers.index - item.index
            numbers.first_stream = numbers.stream + 1 - item.stream
        index, stream = item.index + numbers.first_index, item.stream + numbers.first_stream
        numbers.index, numbers.stream = index + 1, stream
        numbers.last_ns = numbers.until_ns = captured_ns
        return replace(item, index=index, stream=stream, captured_ns=captured_ns)
    if isinstance(item, AudioBlock):
        captured_ns = _after(item.captured_ns, numbers.last_ns)
        is_first = opening != numbers.opening
        if is_first:
            numbers.opening = opening
            missing_ns = 0 if numbers.until_ns is None else max(captured_ns - numbers.until_ns, 0)
            missing = round(missing_ns * item.sample_rate_hz / 1e9)
            numbers.first_index = numbers.index + missing - item.first_sample
        first_sample = item.first_sample + numbers.first_index
        numbers.index = first_sample + len(item.samples)
        numbers.last_ns, numbers.until_ns = captured_ns, captured_ns + item.duration_ns
        lost = item.overflowed or is_first
        return replace(item, first_sample=first_sample, captured_ns=captured_ns, overflowed=lost)
    return item


def _after(captured_ns: int, last_ns: int | None) -> int:
    """Time goes on, also where a sender's burst would begin before the end of what came until the loss."""
    return captured_ns if last_ns is None else max(captured_ns, last_ns + 1)


def _close(device: Device) -> None:
    with suppress(Exception):  # a driver whose hardware is away
        device.close()


def _check_alike(before: DeviceInfo, again: DeviceInfo) -> None:
    """What came back can go on where the other stopped. Images may have another size, sound no other rate.

    Raises:
        SourceError: it cannot.
    """
    leading = "video" if "video" in before.streams else "sound"
    if leading not in again.streams:
        raise SourceError(f"{before.name} came back without {leading}")
    both_sound = "sound" in before.streams and "sound" in again.streams
    if both_sound and before.sample_rate_hz != again.sample_rate_hz:
        raise SourceError(
            f"{before.name} came back with sound of {again.sample_rate_hz} Hz: expected {before.sample_rate_hz} Hz"
        )
