"""Opens the eye tracker of a run, and makes the observer that its window reports to."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from assistant.config import RunConfig
from assistant.contracts import Clock, Device, DeviceInfo
from assistant.errors import ConfigError, SourceError
from assistant.plugin_loader import load_plugin
from assistant.teaching.observer import GazeOnImage, Observer

if TYPE_CHECKING:
    from assistant.recording import Recorder
    from assistant.state import RunState


def create_tracker(spec: str, *, paced: bool = True) -> Device:
    """An eye tracker by its name, ``name`` or ``name:argument``, not yet opened.

    Raises:
        PluginError: there is no such plugin.
        ConfigError: the argument cannot be used.
    """
    name, _, argument = spec.partition(":")
    device: Device = load_plugin("sonocue.gaze", name)(argument, paced=paced)
    return device


def open_tracker(config: RunConfig, clock: Clock, cleanup: ExitStack) -> tuple[Device, DeviceInfo] | None:
    """The tracker that ``config`` names, opened; ``cleanup`` closes it. None without one.

    Raises:
        ConfigError: the run is in lock-step, where nobody watches.
        SourceError: it cannot be opened.
    """
    if config.lockstep and (config.gaze is not None or config.trainee is not None):
        raise ConfigError("a run with a trainee or an eye tracker is live: leave out --lockstep")
    if config.gaze is None:
        return None
    tracker = create_tracker(config.gaze)
    cleanup.callback(tracker.close)
    info = tracker.open(clock)
    if "gaze" not in info.streams:
        raise SourceError(f"gaze '{config.gaze}' gives no gaze: expected an eye tracker")
    return tracker, info


def observe(
    config: RunConfig,
    clock: Clock,
    tracker: tuple[Device, DeviceInfo] | None,
    recorder: Recorder | None,
    state: RunState,
) -> tuple[Observer | None, Device | None]:
    """The observer of a run with a tracker or a trainee, and the tracker as a device whose gaze lies on the image."""
    if tracker is None and config.trainee is None:
        return None, None
    note = None if recorder is None else recorder.put
    device = None if tracker is None else tracker[0]
    hides = config.trainee is not None and config.predicted_gaze != "shown"
    observer = Observer(clock, note, lambda message: state.fault("gaze", message), device, hides_gaze=hides)
    return observer, None if tracker is None else GazeOnImage(*tracker, clock, observer)
