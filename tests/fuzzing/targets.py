"""What reads bytes from outside, each with valid inputs and how they are altered.

A target is made once (``seed`` writes valid input into a folder); ``alter`` changes one file of a copy, ``read`` reads
all of it as the program would. It must return, or raise a ``SonocueError``.
"""

from __future__ import annotations

from tests.fuzzing import kept, received
from tests.fuzzing.mutations import of_lines, of_numbers
from tests.fuzzing.target import Target, altered, names, void

TARGETS = {
    target.name: target
    for target in (
        Target("session", kept.seed_session, kept.alter_session, kept.read_session),
        Target("model", kept.seed_model, kept.alter_model, kept.read_model),
        Target(
            "settings",
            kept.seed_settings,
            lambda folder, rng: void(altered(folder, rng, dict.fromkeys(names(folder), of_numbers))),
            kept.read_settings,
        ),
        Target(
            "tables",
            kept.seed_tables,
            lambda folder, rng: void(altered(folder, rng, dict.fromkeys(names(folder), of_lines))),
            kept.read_tables,
        ),
        Target(
            "stills",
            kept.seed_stills,
            lambda folder, rng: void(altered(folder / "own", rng, {"stills.csv": of_lines})),
            kept.read_stills,
        ),
        Target("file", received.seed_files, received.alter_any, received.read_files),
        Target("dicom", received.seed_dicom, received.alter_any, received.read_dicom),
        Target("tracked", received.seed_tracked, received.alter_tracked, received.read_tracked),
        Target(
            "stream",
            received.seed_stream,
            received.alter_any,
            lambda folder: received.receive(folder, "stream:tcp://127.0.0.1:{}"),
        ),
        Target(
            "openigtlink",
            received.seed_igtl,
            received.alter_any,
            lambda folder: received.receive(folder, "openigtlink:127.0.0.1:{}"),
        ),
    )
}
"""All of them, by name."""
