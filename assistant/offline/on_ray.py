"""The same over many machines: each recording is a task of a Ray cluster (https://docs.ray.io), an optional extra.

Every worker sees the model folder and the recordings under the same paths (a shared file system), loads an engine once,
and takes one recording after the other; rows come back to this process, which alone writes. Runs on the main thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from assistant.bundle import read_bundle
from assistant.errors import BackendError
from assistant.offline.run import Judge, Outcome, Progressed, judge_one, load_judge
from assistant.plugin_loader import missing_package

_ATTEMPTS = 3
"""How often a recording is given to a worker when the worker or its machine goes away."""


class Worker:
    """A process of the cluster with an engine of its own, on one processor."""

    def __init__(self, model: str, model_id: str, backends: tuple[str, ...], watch_screen: bool) -> None:
        import cv2

        cv2.setNumThreads(1)
        bundle = read_bundle(Path(model))
        if bundle.model_id != model_id:
            raise BackendError(f"the model in '{model}' is {bundle.model_id} there, expected {model_id}")
        self._judge = Judge(bundle, backends, watch_screen)
        self._engine, self._size = load_judge(self._judge)

    def judge(self, file: str) -> Outcome:
        """One recording."""
        return judge_one(Path(file), self._judge, self._engine, self._size)


def judge_all_on_ray(
    files: Sequence[Path], judge: Judge, address: str, done: Callable[[Outcome], None], progressed: Progressed
) -> None:
    """All recordings on a cluster; see ``run.judge_all``.

    Args:
        files: which, as absolute paths would be best: workers start in other folders.
        judge: how.
        address: of the cluster; ``local`` starts one on this machine for as long as the run lasts.
        done: see ``judge_all``.
        progressed: called when a recording is done, with its last moment.

    Raises:
        PluginError: Ray is not installed.
        BackendError: the cluster cannot be reached, or its workers cannot run the model.
    """
    try:
        import ray
    except ModuleNotFoundError as error:
        raise missing_package(error, "--ray") from error
    try:
        ray.init(address=None if address == "local" else address, log_to_driver=False, include_dashboard=False)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise BackendError(f"no Ray cluster at '{address}': {_first_line(error)}") from error
    try:
        _judge_on_workers(ray, files, judge, done, progressed)
    finally:
        ray.shutdown()


def _judge_on_workers(
    ray: Any, files: Sequence[Path], judge: Judge, done: Callable[[Outcome], None], progressed: Progressed
) -> None:
    processors = max(1, int(ray.cluster_resources().get("CPU", 1)))
    remote = ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=_ATTEMPTS)(Worker)
    settings = (str(judge.bundle.path.resolve()), judge.bundle.model_id, judge.backends, judge.watch_screen)
    workers = [remote.remote(*settings) for _ in range(min(processors, len(files)))]
    waiting, running = list(reversed(files)), {}
    for worker in workers:
        file = waiting.pop()
        running[worker.judge.remote(str(file.resolve()))] = (worker, file)
    while running:
        (ready,), _ = ray.wait(list(running), num_returns=1)
        worker, file = running.pop(ready)
        try:
            outcome = ray.get(ready)
        except ray.exceptions.RayActorError as error:
            raise BackendError(f"a worker of the cluster cannot go on: {_first_line(error)}") from error
        except ray.exceptions.RayError as error:
            outcome = Outcome(file, failed=f"on the cluster: {_first_line(error)}")
        # Rows name the recording as the user did, wherever it was read.
        rows = [{**row, "file": str(file)} for row in outcome.rows]
        if rows:
            progressed(file, rows[-1]["time_s"])
        done(Outcome(file, rows, outcome.failed))
        if waiting:
            following = waiting.pop()
            running[worker.judge.remote(str(following.resolve()))] = (worker, following)


def _first_line(error: Exception) -> str:
    """The telling line of Ray's long messages: what was raised on the worker, else the first."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [repr(error)]
    raised = [line for line in lines if "Error" in line.partition(":")[0] and "ray::" not in line]
    return (raised or lines)[-1 if raised else 0][:300]
