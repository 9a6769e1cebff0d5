"""The scores of a training session: what counts, planes found and missed, their quality, narration. Pure.

Formative: nothing here is passed or failed. Each score is written out in ``docs/teaching.md``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from assistant.class_list import load_class_list
from assistant.errors import SessionError
from assistant.teaching.gaze_scores import GazeScores, guided_times_ns, score_gaze
from assistant.teaching.recording import COUNTED_ABSTENTIONS, BoolArray, Int64Array, Recording, read_recording

LONGEST_STEP_NS = 500_000_000
"""Guidance further apart than this says nothing about the time between."""
BACKGROUND = "background"

Source = Literal["truth", "model"]


@dataclass(frozen=True, slots=True)
class Quality:
    """The best image of a plane, as the software scanner judges it.

    Attributes:
        score: share of the criteria that are met, in [0, 1].
        criteria: by name, met or not.
        tilt_deg, distance_mm: how far the image was off the plane.
        frame_index: which image.
    """

    score: float
    criteria: Mapping[str, bool]
    tilt_deg: float
    distance_mm: float
    frame_index: int


@dataclass(frozen=True, slots=True)
class PlaneScore:
    """How one plane went.

    Attributes:
        plane: its name.
        wanted: the reference holds it.
        seen: it was held for as long as a plane must be.
        first_s: since the first image, when it was first on screen; None: never.
        seconds: counted time on it.
        spoken_share: of that time, with speech; None without the trainee's sound or without time.
        expert_first_s, expert_seconds: the same of the expert; None without one.
        quality: of the best image; None where nobody knows.
        best_frame_index: the image that shows it best: best judged, else most surely named; None when never.
    """

    plane: str
    wanted: bool
    seen: bool
    first_s: float | None
    seconds: float
    spoken_share: float | None
    expert_first_s: float | None
    expert_seconds: float | None
    quality: Quality | None
    best_frame_index: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """All scores of a session.

    Attributes:
        recording: the session.
        trainee: the pseudonym, or empty.
        length_s: from the first image to the last.
        counted_s: of it, what counts.
        left_out_s: what does not, by reason.
        planes_by: whether planes come from the software scanner's truth or from the model.
        planes_reference: what they were held against.
        planes: all that are wanted or were seen.
        gaze: None when it was not scored.
        gaze_reason: why not.
        narration_share: of the counted time on planes, with speech; None when not measured.
        narration_reason: why not.
    """

    recording: Recording
    trainee: str
    length_s: float
    counted_s: float
    left_out_s: Mapping[str, float]
    planes_by: Source
    planes_reference: str
    planes: tuple[PlaneScore, ...]
    gaze: GazeScores | None
    gaze_reason: str
    narration_share: float | None
    narration_reason: str

    @property
    def missed(self) -> tuple[str, ...]:
        """Planes of the reference that were not seen."""
        return tuple(item.plane for item in self.planes if item.wanted and not item.seen)

    @property
    def mean_quality(self) -> float | None:
        """Over the planes with a judged image."""
        judged = [item.quality.score for item in self.planes if item.quality is not None]
        return float(np.mean(judged)) if judged else None


def score_session(path: Path, expert_path: Path | None = None) -> Scores:
    """Score a training session.

    Args:
        path: the trainee's session.
        expert_path: an expert's session of the same case; without it, the recording that was played, when it lies
            where it lay and holds an expert's gaze; else none.

    Raises:
        SessionError: a session cannot be read, holds no images, or the expert's is of another case.
    """
    recording = read_recording(path)
    if len(recording.frame_times_ns) < 2:
        raise SessionError(f"session '{path}' cannot be scored: expected images, got {len(recording.frame_times_ns)}")
    expert = _expert(recording, expert_path)
    counted, reasons = counted_frames(recording)
    steps_ns = _steps_ns(guided_times_ns(recording), recording.end_ns)
    left_out: Counter[str] = Counter()
    for step_ns, reason in zip(steps_ns.tolist(), reasons, strict=True):
        if reason:
            left_out[reason] += step_ns
    length_s = (recording.end_ns - recording.begin_ns) / 1e9
    unguided_s = length_s - float(steps_ns.sum()) / 1e9
    left_out_s = {reason: time_ns / 1e9 for reason, time_ns in left_out.items()}
    if unguided_s > 0.5:
        left_out_s["no guidance"] = unguided_s

    speech, narration_reason = _speech(recording)
    planes, planes_by = _plane_scores(recording, counted, steps_ns, expert, speech)
    on_planes = [item for item in planes if item.seconds > 0]
    narration_share = None
    if speech is not None and on_planes:
        spoken_s = sum((item.spoken_share or 0.0) * item.seconds for item in on_planes)
        narration_share = spoken_s / sum(item.seconds for item in on_planes)
    elif speech is not None:
        narration_reason = "no counted time on a plane"

    gaze, gaze_reason = _gaze(recording, counted, expert)
    return Scores(
        recording=recording,
        trainee=str(recording.config.get("trainee") or ""),
        length_s=length_s,
        counted_s=float(steps_ns[counted].sum()) / 1e9,
        left_out_s=left_out_s,
        planes_by=planes_by,
        planes_reference=_planes_reference(recording, expert),
        planes=planes,
        gaze=gaze,
        gaze_reason=gaze_reason,
        narration_share=narration_share,
        narration_reason=narration_reason,
    )


def counted_frames(recording: Recording) -> tuple[BoolArray, list[str]]:
    """Whether each guided frame counts, and if not, why: the heatmap was seen, or the image is none that counts."""
    hidden = recording.heatmap_hidden(guided_times_ns(recording))
    reasons: list[str] = []
    first_ns = min((time_ns for time_ns, _ in recording.heatmap), default=0)
    for item, is_hidden in zip(recording.guided, hidden.tolist(), strict=True):
        abstention = item.decision.abstention
        if not recording.heatmap:
            reasons.append("not known whether the predicted gaze was shown")
        elif item.captured_ns < first_ns:
            reasons.append("before the window stood")
        elif not is_hidden:
            reasons.append("predicted gaze shown")
        elif abstention not in COUNTED_ABSTENTIONS:
            reasons.append(str(abstention))
        else:
            reasons.append("")
    return np.array([not reason for reason in reasons], bool), reasons


def _expert(recording: Recording, path: Path | None) -> Recording | None:
    if path is not None:
        expert = read_recording(path)
        cases = {expert.case, expert.session_id, expert.plays} - {""}
        if not cases & {recording.case, recording.plays}:
            raise SessionError(
                f"session '{path}' is of the case '{expert.case}', expected one of '{recording.case}': name another"
            )
        return expert
    source = str(recording.config.get("source", ""))
    if not recording.plays or not source.startswith("session:"):
        return None
    played = Path(source.removeprefix("session:"))
    if not played.is_dir():
        return None
    expert = read_recording(played)
    return expert if expert.session_id == recording.plays else None


def _planes_reference(recording: Recording, expert: Recording | None) -> str:
    if expert is not None:
        return f"the expert's recording {expert.session_id}"
    if recording.planes:
        return "all planes of the software scanner's subject"
    return "all planes of the class list sononet13"


def _gaze(recording: Recording, counted: BoolArray, expert: Recording | None) -> tuple[GazeScores | None, str]:
    """The scores of gaze, or why there are none."""
    if not len(recording.gaze_ns) or not recording.has_tracker:
        return None, "no eye tracker was used"
    if recording.calibration is None and not recording.stand_in:
        return None, "the tracker's calibration was not checked"
    if recording.calibration is not None and not recording.calibration["passed"]:
        return None, f"the calibration check was not passed: {recording.calibration['reason']}"
    if not counted.any():
        return None, "no time counts"
    frames_agree = expert is not None and recording.plays in (expert.session_id, expert.plays) and recording.plays
    by_gaze = expert if frames_agree and expert is not None and len(expert.gaze_ns) else None
    scores = score_gaze(recording, counted, by_gaze)
    if not scores.samples:
        return scores, "no valid gaze on the image while time counted, or no gaze to hold it against"
    return scores, ""


def _speech(recording: Recording) -> tuple[tuple[Int64Array, BoolArray] | None, str]:
    if not recording.own_sound:
        return None, "no microphone: the sound is of what was played, or there is none"
    speech = recording.speech()
    return speech, "" if speech is not None else "no sound was recorded"


def _steps_ns(times_ns: Int64Array, end_ns: int) -> Int64Array:
    """How long each guided frame stood: until the next, at most ``LONGEST_STEP_NS``."""
    steps = np.diff(np.append(times_ns, max(end_ns, int(times_ns[-1])))) if len(times_ns) else times_ns
    return np.minimum(steps, LONGEST_STEP_NS).astype(np.int64)


def named_planes(recording: Recording) -> tuple[list[str], Source]:
    """The plane of each guided frame (``background`` for none), by truth where the session holds it."""
    if recording.truth:
        return [
            str(recording.truth.get(item.frame_index, {}).get("plane", BACKGROUND)) for item in recording.guided
        ], "truth"
    return [item.decision.plane or BACKGROUND for item in recording.guided], "model"


def _plane_scores(
    recording: Recording,
    counted: BoolArray,
    steps_ns: Int64Array,
    expert: Recording | None,
    speech: tuple[Int64Array, BoolArray] | None,
) -> tuple[tuple[PlaneScore, ...], Source]:
    named, by = named_planes(recording)
    dwell_ns = int(float(recording.config.get("dwell_s", 1.0)) * 1e9)
    times_ns = guided_times_ns(recording)
    theirs: dict[str, tuple[float, float, bool]] = {}
    if expert is not None:
        expert_named, _ = named_planes(expert)
        expert_ns = guided_times_ns(expert)
        if not expert.guided and expert.truth:  # recorded without guidance: the truth of its frames will do
            expert_named = [str(expert.truth.get(int(i), {}).get("plane", BACKGROUND)) for i in expert.frame_indices]
            expert_ns = expert.frame_times_ns
        everything = np.ones(len(expert_ns), bool)
        steps = _steps_ns(expert_ns, expert.end_ns)
        for plane in sorted(set(expert_named) - {BACKGROUND}):
            here = np.array([name == plane for name in expert_named], bool)
            first_ns = int(expert_ns[here][0])
            held = _was_held(here & everything, steps, dwell_ns)
            theirs[plane] = ((first_ns - expert.begin_ns) / 1e9, float(steps[here].sum()) / 1e9, held)
    wanted = [plane for plane, (_, _, held) in theirs.items() if held]
    if expert is None:
        wanted = list(recording.planes or load_class_list().planes)
    found = [plane for plane in dict.fromkeys(named) if plane != BACKGROUND and plane not in wanted]
    scores: list[PlaneScore] = []
    for plane in [*wanted, *found]:
        here = np.array([name == plane for name in named], bool) & counted
        seconds = float(steps_ns[here].sum()) / 1e9
        if plane not in wanted and seconds == 0:
            continue
        quality = _quality(recording, plane, here)
        scores.append(
            PlaneScore(
                plane=plane,
                wanted=plane in wanted,
                seen=_was_held(here, steps_ns, dwell_ns),
                first_s=(int(times_ns[here][0]) - recording.begin_ns) / 1e9 if here.any() else None,
                seconds=seconds,
                spoken_share=None if speech is None else _spoken(times_ns[here], steps_ns[here], speech),
                expert_first_s=theirs[plane][0] if plane in theirs else None,
                expert_seconds=theirs[plane][1] if plane in theirs else None,
                quality=quality,
                best_frame_index=quality.frame_index if quality is not None else _surest(recording, here),
            )
        )
    return tuple(scores), by


def _was_held(here: BoolArray, steps_ns: Int64Array, dwell_ns: int) -> bool:
    """Some stretch without a break lasted for ``dwell_ns``; a gap in guidance is a break."""
    lasted_ns = 0
    for is_here, step_ns in zip(here.tolist(), steps_ns.tolist(), strict=True):
        lasted_ns = lasted_ns + step_ns if is_here else 0
        if lasted_ns >= dwell_ns:
            return True
        if step_ns >= LONGEST_STEP_NS:
            lasted_ns = 0
    return False


def _quality(recording: Recording, plane: str, here: BoolArray) -> Quality | None:
    """The best of the images that count and were judged as this plane; the least tilt decides between equals."""
    best: Quality | None = None
    for number in np.flatnonzero(here).tolist():
        facts: Mapping[str, Any] = recording.truth.get(recording.guided[number].frame_index, {})
        judged = facts.get("quality")
        if judged is None or judged["plane"] != plane:
            continue
        tilt_deg, distance_mm = facts["errors"][plane]
        this = Quality(
            float(judged["score"]), dict(judged["criteria"]), tilt_deg, distance_mm, int(facts["frame_index"])
        )
        if best is None or (this.score, -this.tilt_deg) > (best.score, -best.tilt_deg):
            best = this
    return best


def _surest(recording: Recording, here: BoolArray) -> int | None:
    frames = [recording.guided[number] for number in np.flatnonzero(here).tolist()]
    return max(frames, key=lambda item: item.decision.confidence).frame_index if frames else None


def _spoken(times_ns: Int64Array, steps_ns: Int64Array, speech: tuple[Int64Array, BoolArray]) -> float | None:
    """Share of the time of the given frames with speech."""
    if not len(times_ns):
        return None
    begins_ns, spoken = speech
    total = np.concatenate([[0], np.cumsum(spoken)])
    first = np.searchsorted(begins_ns, times_ns)
    last = np.searchsorted(begins_ns, times_ns + steps_ns)
    chunks = int((last - first).sum())
    return float((total[last] - total[first]).sum() / chunks) if chunks else None
