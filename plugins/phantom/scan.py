"""One examination by the software scanner: four streams that follow from a seed, and from nothing else.

Each stream plans the same probe path for itself, so that streams need no lock between them and may run at different
speeds, on different threads. Times count from the start of the scan.
"""

from __future__ import annotations

import heapq
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from assistant.contracts import AudioBlock, Frame, GazeSample, StreamItem, StreamKind, TimelineEvent, UInt8Array
from assistant.steering import SteerCommand
from plugins.phantom.anatomy import Fetus, build_fetus
from plugins.phantom.bmode import BModeRenderer
from plugins.phantom.gaze import SimulatedGaze
from plugins.phantom.machines import choose_console
from plugins.phantom.moment import Moment, Operator
from plugins.phantom.narration import BLOCK_SAMPLES, SAMPLE_RATE_HZ, Narration
from plugins.phantom.planes import label
from plugins.phantom.probe_path import ProbePath
from plugins.phantom.screen import Screen, invent_patient
from plugins.phantom.settings import LIVE, ScanSettings
from plugins.phantom.steering import SteeredOperator, TimedCommand, read_script, script_line
from plugins.phantom.truth import frame_truth, steered_truth, subject_truth

FPS = 30
STREAMS: tuple[StreamKind, ...] = ("sound", "gaze", "events", "video")
SECOND_NS = 1_000_000_000


class Scan:
    """A subject, a machine and an examination."""

    def __init__(self, settings: ScanSettings) -> None:
        self.settings = settings
        self.fetus: Fetus = build_fetus(np.random.default_rng([settings.seed, 1]), settings.population)
        console = choose_console(settings.seed, settings.population, self.fetus.scale)
        self.machine, self._sector = console.machine, console.sector
        patient = invent_patient(settings.seed, self.fetus.scale)
        self.screen = Screen(settings.height_px, settings.width_px, console, patient)

    def operator(self) -> Operator:
        """Whoever moves the probe, anew: the planned path, or the hand that a script steers."""
        return self.path() if self.settings.steer is None else self.hand()

    def hand(self) -> SteeredOperator:
        """The steered probe, with its script to come; without one when commands come live."""
        settings = self.settings
        script = () if settings.steer in (None, LIVE) else read_script(Path(settings.steer))
        return SteeredOperator(self.fetus, self._sector, settings.seed, script)

    def path(self) -> ProbePath:
        """The probe's path, planned anew; always the same."""
        return ProbePath(self.fetus, self._sector, self.settings.seed, self.settings.annotations)

    def renderer(self) -> BModeRenderer:
        """A renderer of this subject; one for each thread."""
        return BModeRenderer(self.fetus.volume, self.machine, heart=self.fetus.heart, noise_seed=self.settings.seed)

    def label(self, moment: Moment) -> str:
        """Which plane an image shows: a fact of the pose."""
        return label(self.fetus.planes, moment.pose, moment.view.sector, moment.view.zoom)

    def frames(self) -> Generator[Frame, None, None]:
        """The video."""
        operator, renderer = self.operator(), self.renderer()
        for index, captured_ns in self._ticks(FPS):
            moment = operator.at(captured_ns / SECOND_NS)
            yield Frame(index, captured_ns, self.image(renderer, moment))

    def sound(self) -> Generator[AudioBlock, None, None]:
        """The narration."""
        blocks = self._narration().blocks()
        for number, captured_ns in self._ticks(SAMPLE_RATE_HZ / BLOCK_SAMPLES):
            yield AudioBlock(number * BLOCK_SAMPLES, captured_ns, SAMPLE_RATE_HZ, next(blocks))

    def gaze(self) -> Generator[GazeSample, None, None]:
        """Where the sonographer looks."""
        samples = self.simulated_gaze().samples()
        for sample in samples:
            if self._over(sample.captured_ns):
                return
            yield sample

    def simulated_gaze(self) -> SimulatedGaze:
        """The eye of this examination, from the beginning."""
        return SimulatedGaze(self.path(), self.fetus.landmarks_mm, self.screen.viewport, self.settings.seed)

    def events(self) -> Generator[TimelineEvent, None, None]:
        """The truth about the subject, frames, utterances and fixations, in order of time."""
        parts = [self._subject_truth(), self._frame_truth()]
        if self.settings.steer is None:
            parts += [self._utterance_truth(), self._fixation_truth()]
        yield from heapq.merge(*parts, key=lambda event: event.captured_ns)

    def streams(self) -> dict[StreamKind, Generator[StreamItem, None, None]]:
        """Each stream by its kind; of a steered scan without sound and gaze, which whoever steers brings along."""
        if self.settings.steer is not None:
            return {"events": self.events(), "video": self.frames()}
        return {"sound": self.sound(), "gaze": self.gaze(), "events": self.events(), "video": self.frames()}

    def items(self) -> Iterator[StreamItem]:
        """All streams, in order of time."""
        return heapq.merge(*self.streams().values(), key=lambda item: item.captured_ns)

    def steered(self, asked: Iterable[Iterable[SteerCommand]]) -> Iterator[StreamItem]:
        """Truth and frame of one tick after another, each made when it is asked for, after the commands until then.

        Each command stands in the events, so that the truth holds the script that makes this scan again.
        """
        hand, renderer = self.hand(), self.renderer()
        yield from self._subject_truth()
        for (index, captured_ns), commands in zip(self._ticks(FPS), asked, strict=False):
            time_s = captured_ns / SECOND_NS
            for command in commands:
                hand.obey(TimedCommand(time_s, command))
                yield TimelineEvent(captured_ns, "event", {"event": "steered", **script_line(time_s, command)})
            moment = hand.at(time_s)
            yield TimelineEvent(captured_ns, "truth", self._truth_of(index, moment))
            yield Frame(index, captured_ns, self.image(renderer, moment))

    def image(self, renderer: BModeRenderer, moment: Moment) -> UInt8Array:
        """The screen. While it is held nothing changes in it, the noise neither."""
        grey = renderer.grey(moment.pose, moment.view, moment.body_s, round(moment.body_s * FPS))
        return self.screen.show(grey, moment)

    def _subject_truth(self) -> Iterator[TimelineEvent]:
        yield TimelineEvent(0, "truth", subject_truth(self.fetus))

    def _frame_truth(self) -> Iterator[TimelineEvent]:
        operator = self.operator()
        for index, captured_ns in self._ticks(FPS):
            yield TimelineEvent(captured_ns, "truth", self._truth_of(index, operator.at(captured_ns / SECOND_NS)))

    def _truth_of(self, index: int, moment: Moment) -> dict[str, Any]:
        truth = {"frame_index": index, "plane": self.label(moment), **frame_truth(moment)}
        return truth if self.settings.steer is None else truth | steered_truth(self.fetus, moment)

    def _utterance_truth(self) -> Iterator[TimelineEvent]:
        for said in self._narration().utterances():
            start_ns, end_ns = (n * SECOND_NS // SAMPLE_RATE_HZ for n in (said.start_sample, said.end_sample))
            if self._over(start_ns):
                return
            data = {
                "utterance": said.words,
                "end_ns": end_ns,
                "speech_act": said.kind,
                "relevant": said.relevant,
                "plane": said.plane,
                "structure": said.structure,
            }
            yield TimelineEvent(start_ns, "truth", data)

    def _fixation_truth(self) -> Iterator[TimelineEvent]:
        for fixation in self.simulated_gaze().fixations():
            start_ns = round(fixation.start_s * SECOND_NS)
            if self._over(start_ns):
                return
            data = {"fixation": fixation.structure, "end_ns": round(fixation.end_s * SECOND_NS)}
            yield TimelineEvent(start_ns, "truth", data)

    def _narration(self) -> Narration:
        return Narration(self.path(), self.settings)

    def _ticks(self, rate_hz: float) -> Iterator[tuple[int, int]]:
        """Number and time of each item of a stream, until the scan is over."""
        number = 0
        while not self._over(captured_ns := int(number * SECOND_NS / rate_hz)):
            yield number, captured_ns
            number += 1

    def _over(self, time_ns: int) -> bool:
        seconds = self.settings.seconds
        return seconds is not None and time_ns >= seconds * SECOND_NS
