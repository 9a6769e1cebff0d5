"""The long run of the fuzzer: altered inputs for everything that reads bytes from outside (``tests/fuzzing``).

    python scripts/fuzz.py --inputs 20000 --corpus fuzz
    python scripts/fuzz.py --target session --index 123    # one input again, with what it met

Several may run at a time on one corpus folder, and a run that was ended goes on: what is done lies there in chunks, and
inputs that met something in ``TARGET/INDEX``. Prints a table; exit status 1 when anything was found.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.fuzzing.batch import Outcome, run_batch
from tests.fuzzing.targets import TARGETS

CHUNK = 200


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=20_000, help="over all targets")
    parser.add_argument("--corpus", type=Path, default=Path("fuzz"))
    parser.add_argument("--target", choices=sorted(TARGETS), action="append", help="only this; repeatable")
    parser.add_argument("--index", type=int, help="one input of --target again")
    parsed = parser.parse_args()
    names = parsed.target or sorted(TARGETS)
    if parsed.index is not None:
        outcome = run_batch(names[0], parsed.index, 1)
        print("\n".join(outcome.findings.values()) or f"nothing: {outcome}")
        sys.exit(bool(outcome.findings))
    parsed.corpus.mkdir(parents=True, exist_ok=True)
    chunks = -(-parsed.inputs // (CHUNK * len(names)))
    for number in range(chunks):
        for name in names:
            with claimed(parsed.corpus / f"{name}-{number:04d}.json") as result:
                if result is not None:
                    outcome = run_batch(name, number * CHUNK, CHUNK, parsed.corpus)
                    result.write_text(json.dumps(asdict(outcome)))
                    print(f"{name} {number}: {len(outcome.findings)} findings", file=sys.stderr, flush=True)
    sys.exit(table(parsed.corpus, names))


@contextmanager
def claimed(result: Path) -> Iterator[Path | None]:
    """The file to write a chunk's result to; None when it is done, or somebody alive works on it."""
    claim = result.with_suffix(".claim")
    if result.exists():
        yield None
        return
    try:
        with claim.open("x") as file:
            file.write(str(os.getpid()))
    except FileExistsError:
        owner = claim.read_text()
        if not owner.isdecimal() or Path(f"/proc/{owner}").exists():
            yield None
            return
        claim.write_text(str(os.getpid()))
    try:
        yield result
    finally:
        claim.unlink(missing_ok=True)


def table(corpus: Path, names: list[str]) -> int:
    """Print what is done. Returns 1 when anything was found."""
    print(f"{'target':<12} {'inputs':>7} {'refused':>8} {'findings':>9} {'worst s':>8} {'worst MiB':>10}")
    whole = Outcome()
    for name in names:
        done = Outcome()
        for file in sorted(corpus.glob(f"{name}-*.json")):
            row = json.loads(file.read_text())
            for total in (done, whole):
                total.inputs += row["inputs"]
                total.refused += row["refused"]
                total.findings |= {(name, index): text for index, text in row["findings"].items()}
                total.worst_s = max(total.worst_s, row["worst_s"])
                total.worst_mib = max(total.worst_mib, row["worst_mib"])
        _line(name, done)
    _line("all", whole)
    return int(bool(whole.findings))


def _line(name: str, done: Outcome) -> None:
    worst = f"{done.worst_s:>8.2f} {done.worst_mib:>10}"
    print(f"{name:<12} {done.inputs:>7} {done.refused:>8} {len(done.findings):>9} {worst}")


if __name__ == "__main__":
    main()
