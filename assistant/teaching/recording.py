"""What a recorded session says about who watched it, as arrays: the matter of all scores. Any thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from assistant.contracts import Abstention, Decision, Float32Array
from assistant.session.reader import SessionReader
from assistant.session.timeline import guidance_of
from assistant.speech import CHUNK_SAMPLES, SPEECH_BEGINS, SPEECH_RATE_HZ, VoiceActivity

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

COUNTED_ABSTENTIONS = frozenset({None, Abstention.LOW_CONFIDENCE, Abstention.FAST_MOTION})
"""Where the model is unsure, or waits for the probe to rest, the image is still like those it knows; any other reason
takes the frame out."""
SPEECH_CHUNK_NS = CHUNK_SAMPLES * 1_000_000_000 // SPEECH_RATE_HZ


@dataclass(frozen=True, slots=True, eq=False)
class Guided:
    """A guided frame: its decision and, where the model has one, its gaze map."""

    captured_ns: int
    frame_index: int
    decision: Decision
    gaze_map: Float32Array | None
    gaze_rect_px: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """A session, read for scoring.

    Attributes:
        session_id: its name.
        path: its folder.
        config: the settings of its run.
        case: what was scanned: the name in the config, else its source.
        recorded_utc: wall time of its beginning.
        begin_ns, end_ns: of its images.
        frame_indices, frame_times_ns: ``(n,)`` of all recorded frames.
        guided: the guided frames, in order of time.
        truth: facts of frames by index, where the software scanner said them.
        planes: all planes that the software scanner's subject has; empty otherwise.
        gaze_ns: ``(m,)`` times of the gaze samples, in order.
        gaze_px: ``(m, 2)`` x and y in pixels of the image, NaN where not valid.
        heatmap: (time, mode) of each change, in order; empty when nobody noted it.
        calibration: what the check found, or None without one.
        stand_in: what stood in for a tracker, in words: the mouse, recorded gaze; empty with a real one.
        has_tracker: the gaze comes from a device of its own, not from what was played.
        own_sound: the sound is of whoever scanned, not of what was played.
        image_px_per_degree: as checked and painted; None when not known.
        plays: id of the session that was played, or empty.
    """

    session_id: str
    path: Path
    config: Mapping[str, Any]
    case: str
    recorded_utc: str
    begin_ns: int
    end_ns: int
    frame_indices: Int64Array
    frame_times_ns: Int64Array
    guided: tuple[Guided, ...]
    truth: Mapping[int, Mapping[str, Any]]
    planes: tuple[str, ...]
    gaze_ns: Int64Array
    gaze_px: Float64Array
    heatmap: tuple[tuple[int, str], ...]
    calibration: Mapping[str, Any] | None
    stand_in: str
    has_tracker: bool
    own_sound: bool
    image_px_per_degree: float | None
    plays: str

    def heatmap_hidden(self, times_ns: Int64Array) -> BoolArray:
        """Whether the predicted gaze was hidden at each time; before the first note it counts as shown."""
        if not self.heatmap:
            return np.zeros(len(times_ns), bool)
        changes = np.array([time_ns for time_ns, _ in self.heatmap])
        hidden = np.array([False, *(mode == "hidden" for _, mode in self.heatmap)])
        return np.asarray(hidden[np.searchsorted(changes, times_ns, side="right")], bool)

    def speech(self) -> tuple[Int64Array, BoolArray] | None:
        """Times of chunks of 32 ms, and whether somebody spoke in each; None without sound."""
        sound = SessionReader(self.path).sound()
        if sound is None:
            return None
        activity = VoiceActivity(sound.sample_rate_hz)
        step = 10 * sound.sample_rate_hz
        parts = [activity.push(sound.samples[at : at + step]) for at in range(0, len(sound.samples), step)]
        spoken = np.concatenate(parts) >= SPEECH_BEGINS
        return sound.start_ns + SPEECH_CHUNK_NS * np.arange(len(spoken), dtype=np.int64), spoken


def read_recording(path: Path) -> Recording:
    """Read a session for scoring.

    Raises:
        SessionError: there is no such session, or it is damaged.
    """
    reader = SessionReader(path)
    header = reader.header
    guided: list[Guided] = []
    truth: dict[int, Mapping[str, Any]] = {}
    planes: tuple[str, ...] = ()
    heatmap: list[tuple[int, str]] = []
    gaze: list[tuple[int, float, float]] = []
    calibration: Mapping[str, Any] | None = None
    view: Mapping[str, Any] | None = None
    for event in reader.timeline():
        data = event.data
        if event.kind == "guidance":
            said = guidance_of(event)
            guided.append(Guided(event.captured_ns, said.frame_index, said.decision, said.gaze_map, said.gaze_rect_px))
        elif event.kind == "gaze":
            valid = bool(data["valid"]) and data["x_px"] is not None and data["y_px"] is not None
            gaze.append((event.captured_ns, *((data["x_px"], data["y_px"]) if valid else (np.nan, np.nan))))
        elif event.kind == "truth" and "frame_index" in data:
            truth[int(data["frame_index"])] = data
        elif event.kind == "truth" and "subject" in data:
            planes = tuple(data["subject"]["planes"])
        elif data.get("event") == "heatmap":
            heatmap.append((event.captured_ns, str(data["mode"])))
        elif data.get("event") == "calibration":
            calibration = data
        elif data.get("event") == "view":
            view = data
    gaze.sort()
    table = np.array(gaze, np.float64).reshape(-1, 3)
    guided.sort(key=lambda item: item.captured_ns)
    devices = header.sources
    played = devices[0] if devices else None
    tracker = next((info for info in devices[1:] if "gaze" in info.streams), None)
    microphone = any("sound" in info.streams for info in devices[1:])
    times_ns = reader.frame_times_ns
    config = header.config
    plays = str(played.notes.get("session_id", "")) if played is not None else ""
    real = played is not None and played.origin == "real" and not plays
    return Recording(
        session_id=reader.session_id,
        path=reader.path,
        config=config,
        case=str(config.get("case") or plays or config.get("source", "")),
        recorded_utc=reader.manifest.anchor.wall_utc,
        begin_ns=int(times_ns[0]) if len(times_ns) else 0,
        end_ns=int(times_ns[-1]) if len(times_ns) else 0,
        frame_indices=reader.frame_indices,
        frame_times_ns=times_ns,
        guided=tuple(guided),
        truth=truth,
        planes=planes,
        gaze_ns=np.array([time_ns for time_ns, _, _ in gaze], np.int64),
        gaze_px=table[:, 1:],
        heatmap=tuple(sorted(heatmap)),
        calibration=calibration,
        stand_in="" if tracker is None else str(tracker.notes.get("stand_in", "")),
        has_tracker=tracker is not None,
        own_sound=microphone or real,
        image_px_per_degree=_image_px_per_degree(calibration, view, reader),
        plays=plays,
    )


def _image_px_per_degree(
    calibration: Mapping[str, Any] | None, view: Mapping[str, Any] | None, reader: SessionReader
) -> float | None:
    """Pixels of the image in a degree: the monitor's, by how large the image was painted last."""
    if calibration is None or view is None or not reader.manifest.segments:
        return None
    width_px = reader.manifest.segments[0].width_px
    return float(calibration["px_per_degree"]) * width_px / float(view["image_rect_px"][2])
