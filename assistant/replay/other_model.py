"""Runs another model over a session, in lock-step and in the background, and keeps what it says beside the session.

In ``replays/SESSION/NAME@HASH.jsonl`` in the folder that holds the session: one line a frame, as in a timeline, so that
it is read like one and is as well guarded as the session. The session itself is never written to.
"""

from __future__ import annotations

import json
import tempfile
import threading
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from assistant.bundle import default_model_path, read_bundle
from assistant.config import RunConfig
from assistant.contracts import Guidance, TimelineEvent
from assistant.errors import SonocueError
from assistant.model_contracts import ModelBundle
from assistant.replay.recording import Recording
from assistant.replay.timeline_index import TimelineIndex
from assistant.session.manifest import MANIFEST_NAME, file_sha256
from assistant.session.timeline import encode_line, guidance_event

FOLDER_NAME = "replays"


class OtherModel:
    """What another model says of a recording. Its thread ends by itself, or with ``close``.

    Args:
        recording: the session.
        model: a model folder, or ``default``.
        backends: inference engines in the order in which they are tried; the usual ones when empty.

    Attributes:
        index: what it said, once all of it is there; else None.
        model_id: name and hash, once the model was read; else "".
        problem: why there is nothing, in plain words; or "".
        progress: share of the frames that it saw, in [0, 1].
    """

    def __init__(self, recording: Recording, model: str, backends: tuple[str, ...] = ()) -> None:
        self.index: TimelineIndex | None = None
        self.model_id = ""
        self.problem = ""
        self.progress = 0.0
        self._recording = recording
        self._model = model
        self._backends = backends
        self._stopping = threading.Event()
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._thread = threading.Thread(target=self._work, name="replay model", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Until it is done; False when ``timeout_s`` passed before."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def close(self) -> None:
        """Stop it; what is half done is removed. Idempotent."""
        self._stopping.set()
        self._thread.join()
        if self._scratch is not None:
            self._scratch.cleanup()
            self._scratch = None

    def _work(self) -> None:
        try:
            self._answer()
        except (SonocueError, OSError) as error:
            self.problem = str(error)
        except Exception as error:  # noqa: BLE001 - the worker loop: the replay goes on without the other model
            self.problem = f"the model stopped by a defect: {error!r}"

    def _answer(self) -> None:
        bundle = read_bundle(default_model_path() if self._model == "default" else Path(self._model))
        self.model_id = bundle.model_id
        path = self._recording.reader.path.resolve()
        about = {
            "event": "replay",
            "session_sha256": file_sha256(path / MANIFEST_NAME),
            "frames": len(self._recording.reader),
            "model": bundle.digest,
        }
        name = f"{bundle.model_id}.jsonl"
        kept = path.parent / FOLDER_NAME / path.name / name
        if not _is_about(kept, about):
            kept = self._make(bundle, kept, about)
        if self._stopping.is_set():
            return
        index = TimelineIndex(kept, self._recording.reader)
        index.read(self._stopping)
        if index.problem:
            self.problem = index.problem
        else:
            self.progress, self.index = 1.0, index

    def _make(self, bundle: ModelBundle, kept: Path, about: dict[str, object]) -> Path:
        """Run the model; the file is there whole, or not at all."""
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            unfinished = kept.with_name(f".{kept.name}.partial")
            file = unfinished.open("w", encoding="utf-8", newline="\n")
        except OSError:  # a disk that may only be read: keep it while the window is open
            self._scratch = tempfile.TemporaryDirectory(prefix="sonocue-replay-")
            kept = Path(self._scratch.name) / kept.name
            unfinished = kept.with_name(f".{kept.name}.partial")
            file = unfinished.open("w", encoding="utf-8", newline="\n")
        try:
            with file:
                file.write(encode_line(TimelineEvent(0, "event", about)) + "\n")
                failed = self._run(bundle, file)
            if self._stopping.is_set():
                return kept
            if failed:
                self.problem = failed
                self._stopping.set()
                return kept
            unfinished.replace(kept)
        finally:
            unfinished.unlink(missing_ok=True)
        return kept

    def _run(self, bundle: ModelBundle, file: TextIO) -> str:
        """Guidance of every frame into ``file``, with the session's own times; why it failed, or ""."""
        from assistant.pipeline import start_run  # opens engines: only when there is something to run

        reader = self._recording.reader
        times_ns = dict(zip(reader.frame_indices.tolist(), reader.frame_times_ns.tolist(), strict=True))
        done = 0

        def take(guidance: Guidance) -> None:
            nonlocal done
            at_ns = times_ns[guidance.frame_index]
            ready_ns = guidance.ready_ns - guidance.captured_ns + at_ns
            file.write(encode_line(guidance_event(replace(guidance, captured_ns=at_ns, ready_ns=ready_ns))) + "\n")
            done += 1
            self.progress = done / (len(reader) + 1)

        settings: dict[str, object] = {"backends": self._backends} if self._backends else {}
        config = RunConfig.model_validate(
            {
                "source": f"session:{reader.path}",
                "model": str(bundle.path),
                "record": None,
                "lockstep": True,
                **settings,
            }
        )
        run = start_run(config, on_guidance=take)
        while not run.wait(0.1):
            if self._stopping.is_set():
                run.stop()
        return "; ".join(run.summary()["faults"]) if run.failed else ""


def _is_about(kept: Path, about: dict[str, object]) -> bool:
    """The file was made of this session, as it is, by this model."""
    try:
        with kept.open(encoding="utf-8") as lines:
            first = json.loads(lines.readline())
    except (OSError, ValueError):
        return False
    return isinstance(first, dict) and all(first.get(key) == value for key, value in about.items())
