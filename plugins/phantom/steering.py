"""The probe in somebody's hand: an operator that moves by commands, from a script or while the scan goes on.

A script is a file of JSON lines, one command each, with the fields of ``assistant.steering.SteerCommand`` and
``at_s``, seconds since the scan began: ``{"at_s": 1.5, "move_mm": [0, 0, 4], "turn_deg": [10, 0, 0], "over_s": 2}``.
The lines that a session steered live has in its timeline will do. Seed and script together give the scan bit for bit.
The hand does not wobble; the fetus moves on under it.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from assistant.errors import ConfigError
from assistant.steering import SteerCommand
from plugins.phantom.anatomy import Fetus
from plugins.phantom.fetal_motion import FetalMotion
from plugins.phantom.geometry import Float64Array, Pose, Sector
from plugins.phantom.moment import Moment, View
from plugins.phantom.probe_path import turned

DEPTHS_MM, GAINS_DB, ZOOMS = (50.0, 180.0), (-20.0, 20.0), (1.0, 3.0)
"""What the console allows."""
_BOUNDS: dict[str, tuple[float, float]] = {
    "at_s": (0.0, 86_400.0),
    "move_mm": (-200.0, 200.0),  # through the whole subject
    "turn_deg": (-180.0, 180.0),
    "over_s": (0.0, 600.0),
    "depth_mm": DEPTHS_MM,
    "gain_db": GAINS_DB,
    "zoom": ZOOMS,
    "depth_step_mm": (-130.0, 130.0),
    "gain_step_db": (-40.0, 40.0),
    "zoom_step": (-2.0, 2.0),
}
_VECTORS = ("move_mm", "turn_deg")
_TIMELINE_KEYS = ("captured_ns", "kind", "event")
_START_OBLIQUE_DEG = 30.0


@dataclass(frozen=True, slots=True)
class TimedCommand:
    """A command and when it is given, in seconds since the scan began."""

    at_s: float
    command: SteerCommand


@dataclass(frozen=True, slots=True, eq=False)
class _Hold:
    """The hand's pose (before the fetus's motion) and motion from a time on, and the console."""

    since_s: float
    pose: Pose
    move_mm: Float64Array
    turn_rad: Float64Array
    over_s: float
    view: View
    frozen: tuple[float, Pose] | None

    def share(self, time_s: float) -> float:
        """How much of the motion is done."""
        return 1.0 if self.over_s <= 0 else min(1.0, max(0.0, (time_s - self.since_s) / self.over_s))


class SteeredOperator:
    """Moves the probe as commands say; see ``moment.Operator``. Not thread-safe."""

    def __init__(self, fetus: Fetus, sector: Sector, seed: int, script: Iterable[TimedCommand] = ()) -> None:
        """Begin in an overview. ``script`` is in order of time."""
        volume = fetus.volume
        self._low_mm = volume.origin_mm
        self._high_mm = volume.origin_mm + volume.voxel_mm * np.array(volume.packed.shape[::-1])
        self._motion = FetalMotion(seed)
        still = np.zeros(3)
        self._holds = [_Hold(0.0, overview(fetus, sector), still, still, 0.0, View(sector), None)]
        for timed in script:
            self._holds.append(self._after(timed))

    def obey(self, timed: TimedCommand) -> None:
        """From now on only times since this command may be asked for."""
        self._holds = [self._after(timed)]

    def at(self, time_s: float) -> Moment:
        """See ``Operator``."""
        hold = self._holds[max(0, bisect_right(self._holds, time_s, key=lambda hold: hold.since_s) - 1)]
        held_s, pose = hold.frozen or (time_s, self._pose(hold, time_s))
        moved, shift_mm = self._motion.at(held_s)
        pose = Pose(moved @ (pose.focus_mm + shift_mm), moved @ pose.rotation, pose.standoff_mm)
        return Moment(pose, hold.view, held_s, frozen=hold.frozen is not None)

    def _after(self, timed: TimedCommand) -> _Hold:
        """What a command makes of what was before it. The hand may move on while the image is held."""
        hold, command, at_s = self._holds[-1], timed.command, timed.at_s
        pose = self._pose(hold, at_s)
        if any(command.move_mm) or any(command.turn_deg):
            move_mm, turn_rad, over_s = np.array(command.move_mm), np.radians(command.turn_deg), command.over_s
        else:  # a motion under way goes on: the way still to go, seen from the probe as it is turned by now
            done = hold.share(at_s)
            move_mm = (1.0 - done) * (turned(done * hold.turn_rad).T @ hold.move_mm)
            turn_rad, over_s = (1.0 - done) * hold.turn_rad, (1.0 - done) * hold.over_s
        frozen = hold.frozen
        if command.freeze is not None:
            frozen = (frozen or (at_s, pose)) if command.freeze else None
        return _Hold(at_s, pose, move_mm, turn_rad, over_s, _set(hold.view, command), frozen)

    def _pose(self, hold: _Hold, time_s: float) -> Pose:
        """Where the hand is: straight on its way, turning about the face; what is looked at stays in the subject."""
        begin, share = hold.pose, hold.share(time_s)
        rotation = begin.rotation @ turned(share * hold.turn_rad)
        face_mm = begin.face_mm + begin.rotation @ (share * hold.move_mm)
        focus_mm = np.clip(face_mm + begin.standoff_mm * rotation[:, 1], self._low_mm, self._high_mm)
        return Pose(focus_mm, rotation, begin.standoff_mm)


def overview(fetus: Fetus, sector: Sector) -> Pose:
    """Where a scan is begun: on the belly, obliquely across the fetus, on no standard plane."""
    marks = fetus.landmarks_mm
    _, front, up = np.eye(3)
    lateral = turned(np.radians(_START_OBLIQUE_DEG) * front) @ up
    rotation = np.stack([lateral, -front, np.cross(lateral, -front)], axis=1)
    focus_mm = 0.5 * (marks["crux"] + marks["umbilical vein"])
    return Pose(focus_mm, rotation, 0.55 * sector.depth_mm)


def parse_command(line: str, place: str) -> TimedCommand:
    """A command from a line of JSON.

    Raises:
        ConfigError: it cannot be used; ``place`` says where it stands.
    """
    try:
        found = json.loads(line)
    except ValueError as error:
        raise ConfigError(f"{place}: expected a command as JSON, got '{line.strip()[:60]}'") from error
    if not isinstance(found, dict):
        raise ConfigError(f'{place}: expected an object such as {{"at_s": 1.5, "zoom": 2}}, got {line.strip()[:60]}')
    if found.get("event") == "steered":
        found = {name: value for name, value in found.items() if name not in _TIMELINE_KEYS}
    known = ["at_s", *(field.name for field in fields(SteerCommand))]
    if strange := sorted(set(found) - set(known)):
        raise ConfigError(f"{place}: unknown '{strange[0]}': there are {', '.join(known)}")
    if "at_s" not in found:
        raise ConfigError(f"{place}: 'at_s' is missing: say when, in seconds since the scan began")
    values = {name: _checked(name, value, place) for name, value in found.items()}
    return TimedCommand(values.pop("at_s"), SteerCommand(**values))


def read_script(file: Path) -> tuple[TimedCommand, ...]:
    """The commands of a script, in order of time.

    Raises:
        ConfigError: the file cannot be read, a line cannot be used, or a line goes back in time.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"steer={file}: the script cannot be read: {error}") from error
    script: list[TimedCommand] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        timed = parse_command(line, f"{file}, line {number}")
        if script and timed.at_s < script[-1].at_s:
            raise ConfigError(
                f"{file}, line {number}: expected at_s of {script[-1].at_s:g} or later, got {timed.at_s:g}: "
                "put the lines in order of time"
            )
        script.append(timed)
    return tuple(script)


def script_line(at_s: float, command: SteerCommand) -> dict[str, Any]:
    """A command as it stands in a script; what is as it is without it is left out."""
    plain = asdict(SteerCommand())
    said = {name: value for name, value in asdict(command).items() if value != plain[name]}
    return {"at_s": at_s, **said}


def _checked(name: str, value: Any, place: str) -> Any:
    if name == "freeze":
        if not isinstance(value, bool):
            raise ConfigError(f"{place}: expected true or false as freeze, got {json.dumps(value)}")
        return value
    low, high = _BOUNDS[name]
    if name in _VECTORS:
        if not (isinstance(value, list) and len(value) == 3 and all(_within(v, low, high) for v in value)):
            raise ConfigError(
                f"{place}: expected three numbers between {low:g} and {high:g} as {name}, got {json.dumps(value)}"
            )
        return tuple(map(float, value))
    if not _within(value, low, high):
        raise ConfigError(f"{place}: expected a number between {low:g} and {high:g} as {name}, got {json.dumps(value)}")
    return float(value)


def _within(value: Any, low: float, high: float) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and isfinite(value) and low <= value <= high


def _set(view: View, command: SteerCommand) -> View:
    """The console after a command, within what it allows."""
    sector = view.sector
    depth_mm = sector.depth_mm if command.depth_mm is None else command.depth_mm
    gain_db = view.gain_db if command.gain_db is None else command.gain_db
    zoom = view.zoom if command.zoom is None else command.zoom
    if command.depth_mm is not None or command.depth_step_mm:
        sector = replace(sector, depth_mm=_held(depth_mm + command.depth_step_mm, DEPTHS_MM))
    return View(sector, _held(gain_db + command.gain_step_db, GAINS_DB), _held(zoom + command.zoom_step, ZOOMS))


def _held(value: float, bounds: tuple[float, float]) -> float:
    return min(max(value, bounds[0]), bounds[1])
