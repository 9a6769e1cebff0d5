"""How an examination stands: dwell, the best frame of each plane, and the checklist that a person works through.

The program only suggests: an item is *suggested* once its plane was named for the dwell without a break. A person
confirms it, or says that it is not obtainable, and may take both back; nothing here ever says that an examination is
complete. ``guided`` runs on the inference thread, ``mark`` on the caller's, the rest on any; each holds the lock for a
few assignments only, and what is to be recorded is handed on outside it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2

from assistant.checklist_file import AskedItem
from assistant.contracts import Frame, Guidance, TimelineEvent, UInt8Array
from assistant.snapshot import ChecklistItem, ItemState, MarkedState, PlaneProgress

LONGEST_STEP_NS = 500_000_000
"""Guidance further apart than this says nothing about the time between."""

SETTLED_NS = 1_000_000_000
"""A best frame that was not improved for so long is kept for good, until a better one comes."""

THUMBNAIL_PX = 96
"""Height of a best frame's thumbnail."""


@dataclass(frozen=True, slots=True, eq=False)
class BestFrame:
    """The frame of a plane that the model was surest of.

    Attributes:
        plane: that it shows, as the model says.
        frame: the image.
        score: filtered confidence at this frame, in [0, 1].
        thumbnail: see ``ChecklistItem``.
    """

    plane: str
    frame: Frame
    score: float
    thumbnail: UInt8Array


@dataclass(slots=True)
class _Plane:
    seconds_ns: int = 0
    dwelt: bool = False
    best: BestFrame | None = None
    unkept_since_ns: int | None = None  # when the best frame became it, while nobody was given it


@dataclass(slots=True)
class _Dwell:
    """The unbroken stretch of guidance that names one plane, up to now."""

    plane: str = ""
    since_ns: int = 0
    reached: bool = False
    best: tuple[Frame, float] | None = None


@dataclass(slots=True)
class _Item:
    asked: AskedItem
    plane: str | None
    suggested: bool = False
    mark: ItemState | None = None


@dataclass(slots=True)
class _Outbox:
    """What goes out once the lock is released."""

    events: list[TimelineEvent] = field(default_factory=list)
    stills: list[BestFrame] = field(default_factory=list)


class Examination:
    """The state of one examination.

    Args:
        planes: the model's planes, in the order of its class list.
        dwell_ns: a plane counts when it was named for so long without a break.
        asked: the checklist; None: one item a plane.

    Attributes:
        on_event: gets what the timeline should hold; from the thread that called.
        on_best: gets a best frame when it has settled, or the dwell ended, or ``close`` was called.
    """

    def __init__(self, planes: Sequence[str], dwell_ns: int, asked: Sequence[AskedItem] | None = None) -> None:
        self.on_event: Callable[[TimelineEvent], None] = _nobody
        self.on_best: Callable[[BestFrame], None] = _nobody
        self._dwell_ns = dwell_ns
        self._planes = {plane: _Plane() for plane in planes}
        if asked is None:
            asked = [AskedItem(plane, plane) for plane in planes]
        self._items = [_Item(item, item.plane if item.plane in self._planes else None) for item in asked]
        self._dwell = _Dwell()
        self._lock = threading.Lock()

    def guided(
        self, guidance: Guidance, previous: Guidance | None, frame: Frame | None = None, *, frozen: bool = False
    ) -> None:
        """Guidance was made.

        Args:
            guidance: about one frame.
            previous: the guidance before it; the time between counts for the plane that both name.
            frame: that frame; None: no best frame is kept.
            frozen: the image stands still, so that time on it says nothing: the dwell stops counting.
        """
        out = _Outbox()
        plane = guidance.decision.plane or ""
        now_ns = guidance.captured_ns
        with self._lock:
            continues = (
                previous is not None
                and (previous.stream, previous.scene) == (guidance.stream, guidance.scene)
                and now_ns - previous.captured_ns <= LONGEST_STEP_NS
                and previous.decision.plane == plane
            )
            if plane not in self._planes or not continues or previous is None:
                self._leave(out)
                self._dwell = _Dwell(plane, now_ns)
            elif frozen:
                self._dwell.since_ns += now_ns - previous.captured_ns
            else:
                self._planes[plane].seconds_ns += now_ns - previous.captured_ns
            if plane in self._planes:
                self._look(guidance, frame, out)
        self._send(out)

    def mark(self, item: str, state: MarkedState, at_ns: int) -> None:
        """A person says how an item stands.

        ``open`` takes back what a person said, so that the item stands as the program sees it; on an item that is only
        suggested it dismisses the suggestion, which comes again after another dwell.

        Args:
            item: its name.
            state: what the person says.
            at_ns: when, on the run's clock.

        Raises:
            ValueError: there is no such item or state.
        """
        if state not in ("confirmed", "not obtainable", "open"):
            raise ValueError(f"state: expected 'confirmed', 'not obtainable' or 'open', got {state!r}")
        out = _Outbox()
        with self._lock:
            found = next((each for each in self._items if each.asked.name == item), None)
            if found is None:
                raise ValueError(f"item: expected one of the checklist, got {item!r}")
            if state == "open" and found.mark is None:
                found.suggested = False
            found.mark = None if state == "open" else state
            out.events.append(self._event(found, at_ns, "person"))
        self._send(out)

    def checklist(self, *, hidden: bool = False) -> tuple[ChecklistItem, ...]:
        """All items; ``hidden`` leaves out what comes from the model (shadow mode)."""
        with self._lock:
            return tuple(self._shown(item, hidden=hidden) for item in self._items)

    def planes(self) -> tuple[PlaneProgress, ...]:
        """The model's planes."""
        with self._lock:
            return tuple(PlaneProgress(name, p.seconds_ns / 1e9, p.dwelt) for name, p in self._planes.items())

    def close(self) -> None:
        """Hand out the best frames that were not handed out yet."""
        out = _Outbox()
        with self._lock:
            for plane in self._planes.values():
                _keep(plane, out)
        self._send(out)

    def _look(self, guidance: Guidance, frame: Frame | None, out: _Outbox) -> None:
        """Best frame and dwell of the plane that is named."""
        dwell, plane = self._dwell, self._planes[self._dwell.plane]
        score, now_ns = guidance.decision.confidence, guidance.captured_ns
        if frame is not None and (dwell.best is None or score > dwell.best[1]):
            dwell.best = frame, score
        if now_ns - dwell.since_ns < self._dwell_ns:
            return
        if dwell.best is not None and (plane.best is None or dwell.best[1] > plane.best.score):
            best, best_score = dwell.best
            plane.best = BestFrame(dwell.plane, best, best_score, thumbnail(best.pixels))
            plane.unkept_since_ns = now_ns
        elif plane.unkept_since_ns is not None and now_ns - plane.unkept_since_ns >= SETTLED_NS:
            _keep(plane, out)
        if not dwell.reached:
            dwell.reached = plane.dwelt = True
            for item in self._items:
                if item.plane == dwell.plane and not item.suggested:
                    item.suggested = True
                    out.events.append(self._event(item, now_ns, "program"))

    def _leave(self, out: _Outbox) -> None:
        """The dwell ended."""
        if self._dwell.plane in self._planes:
            _keep(self._planes[self._dwell.plane], out)

    def _shown(self, item: _Item, *, hidden: bool) -> ChecklistItem:
        if hidden or item.plane is None:
            return ChecklistItem(item.asked.name, item.plane, item.mark or "open")
        plane = self._planes[item.plane]
        return ChecklistItem(
            name=item.asked.name,
            plane=item.plane,
            state=_state(item),
            seconds=plane.seconds_ns / 1e9,
            score=None if plane.best is None else plane.best.score,
            thumbnail=None if plane.best is None else plane.best.thumbnail,
        )

    def _event(self, item: _Item, at_ns: int, by: str) -> TimelineEvent:
        best = None if item.plane is None else self._planes[item.plane].best
        facts: dict[str, Any] = {
            "event": "checklist",
            "item": item.asked.name,
            "plane": item.plane,
            "state": _state(item),
            "by": by,
            "frame_index": None if best is None else best.frame.index,
        }
        return TimelineEvent(at_ns, "event", facts)

    def _send(self, out: _Outbox) -> None:
        for event in out.events:
            self.on_event(event)
        for still in out.stills:
            self.on_best(still)


def thumbnail(pixels: UInt8Array) -> UInt8Array:
    """A small copy of an image, ``THUMBNAIL_PX`` high or as high as the image, read-only.

    Args:
        pixels: ``(H, W)`` or ``(H, W, 3)`` uint8.
    """
    height, width = pixels.shape[:2]
    step = max(1, height // (4 * THUMBNAIL_PX))
    scale = min(1.0, THUMBNAIL_PX / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small: UInt8Array = cv2.resize(pixels[::step, ::step].copy(), size, interpolation=cv2.INTER_AREA).astype("uint8")
    small.flags.writeable = False
    return small


def _state(item: _Item) -> ItemState:
    return item.mark or ("suggested" if item.suggested else "open")


def _keep(plane: _Plane, out: _Outbox) -> None:
    if plane.best is not None and plane.unkept_since_ns is not None:
        out.stills.append(plane.best)
        plane.unkept_since_ns = None


def _nobody(_item: object) -> None:
    """Nobody asked."""
