"""What a target of the fuzzer is, and what may come of reading its input."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from assistant.clock import MonotonicClock
from assistant.errors import EndOfStream, SonocueError
from assistant.plugin_loader import load_plugin
from tests.fuzzing.mutations import Rng, of_bytes

DEFECT = re.compile(r"\b\w*(Error|Exception|Iteration)\(")
"""A worker's broad except tells an exception that nobody expected by its repr: a defect too."""


class NotOneLine(Exception):  # noqa: N818 - a finding, not an error of the program
    """What is said about wrong input is no line for people."""


@contextmanager
def refused() -> Iterator[None]:
    """Refusing is well, if it is done in one line."""
    try:
        yield
    except SonocueError as error:
        check_line(str(error))


def check_line(message: str) -> None:
    """Raise ``NotOneLine`` when a message is empty, several lines, endless, or tells a defect."""
    if not message or len(message) > 2000 or len(message.splitlines()) > 1 or DEFECT.search(message):
        raise NotOneLine(message[:500])


REPOSITORY = Path(__file__).resolve().parents[2]
MOST_ITEMS = 500
"""So many items of a stream are read: an altered rate must not make a test long."""


@dataclass(frozen=True)
class Target:
    """See the module."""

    name: str
    seed: Callable[[Path], None]
    alter: Callable[[Path, Rng], None]
    read: Callable[[Path], None]


def altered(folder: Path, rng: Rng, by: dict[str, Callable[[bytes, Rng], bytes]]) -> Path:
    """One of the files, altered as its kind is, or now and then by bytes."""
    names = sorted(by)
    name = names[int(rng.integers(len(names)))]
    mutate = of_bytes if rng.random() < 0.15 else by[name]
    path = folder / name
    path.write_bytes(mutate(path.read_bytes(), rng))
    return path


def void(_value: object) -> None:
    """Drop a result."""


def names(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


def play(kind: str, path: Path) -> None:
    """All that a device gives of a file."""
    with closing(load_plugin("sonocue.sources", kind)(str(path), paced=False)) as device:
        info = device.open(MonotonicClock())
        for stream in sorted(info.streams):
            with suppress(EndOfStream):
                for _ in range(MOST_ITEMS):
                    device.read(stream, 0.1)
