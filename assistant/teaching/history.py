"""The history of trainees over sessions, in one SQLite file on this machine. Pseudonyms only; deletable.

Each call opens the file anew; SQLite's own lock keeps two programs apart.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

from assistant.errors import SessionError
from assistant.teaching.scores import Scores

SCHEMA_VERSION = 1
FILE_NAME = "teaching.sqlite"
_BUSY_S = 5.0

_SCHEMA = """
CREATE TABLE session (
    session_id TEXT PRIMARY KEY, trainee TEXT NOT NULL, case_name TEXT NOT NULL, recorded_utc TEXT NOT NULL,
    folder TEXT NOT NULL, counted_s REAL NOT NULL, planes_wanted INTEGER NOT NULL, planes_seen INTEGER NOT NULL,
    missed TEXT NOT NULL, quality REAL, nss REAL, cc REAL, gaze_reference TEXT NOT NULL, narration REAL
);
CREATE INDEX session_of_trainee ON session (trainee, recorded_utc);
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One session of a trainee, as a row. None stands where something was not measured.

    Attributes:
        session_id, trainee, case_name, recorded_utc, folder: which, whose, of what, when, where.
        counted_s: time that counts.
        planes_wanted, planes_seen: of the reference's planes.
        missed: names, separated by ``; ``.
        quality: mean share of criteria met.
        nss, cc: of gaze; of what stood in for it they are not kept.
        gaze_reference: ``expert``, ``prediction``, or empty.
        narration: share of time on planes with speech.
    """

    session_id: str
    trainee: str
    case_name: str
    recorded_utc: str
    folder: str
    counted_s: float
    planes_wanted: int
    planes_seen: int
    missed: str
    quality: float | None
    nss: float | None
    cc: float | None
    gaze_reference: str
    narration: float | None

    @property
    def planes_share(self) -> float | None:
        """Of the planes that were asked for, those that were held."""
        return self.planes_seen / self.planes_wanted if self.planes_wanted else None


def entry_of(scores: Scores) -> Entry:
    """The row of a scored session."""
    wanted = [item for item in scores.planes if item.wanted]
    gaze = None if scores.recording.stand_in else scores.gaze
    return Entry(
        session_id=scores.recording.session_id,
        trainee=scores.trainee,
        case_name=scores.recording.case,
        recorded_utc=scores.recording.recorded_utc,
        folder=str(scores.recording.path.resolve()),
        counted_s=round(scores.counted_s, 3),
        planes_wanted=len(wanted),
        planes_seen=sum(item.seen for item in wanted),
        missed="; ".join(scores.missed),
        quality=scores.mean_quality,
        nss=None if gaze is None else gaze.nss,
        cc=None if gaze is None else gaze.cc,
        gaze_reference="" if gaze is None or gaze.nss is None else gaze.reference,
        narration=scores.narration_share,
    )


class History:
    """The file of all sessions.

    Args:
        file: made when it is first written to.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def add(self, entry: Entry) -> None:
        """Keep a session; one that is there already is replaced.

        Raises:
            SessionError: it has no trainee, or the file cannot be used.
        """
        if not entry.trainee:
            raise SessionError(f"session '{entry.session_id}' has no trainee: expected one recorded by 'teach run'")
        names = [item.name for item in fields(Entry)]
        marks = ", ".join("?" for _ in names)
        columns = ", ".join(names)
        with self._open(make=True) as database, database:
            database.execute(
                f"INSERT OR REPLACE INTO session ({columns}) VALUES ({marks})",  # noqa: S608 - our own column names
                [getattr(entry, name) for name in names],
            )

    def of(self, trainee: str) -> tuple[Entry, ...]:
        """A trainee's sessions, oldest first. Raises ``SessionError`` when the file cannot be used."""
        return self._rows("WHERE trainee = ? ORDER BY recorded_utc, session_id", trainee)

    def all(self) -> tuple[Entry, ...]:
        """Everybody's sessions, by trainee, oldest first. Raises ``SessionError`` when the file cannot be used."""
        return self._rows("ORDER BY trainee, recorded_utc, session_id")

    def forget(self, trainee: str) -> tuple[Entry, ...]:
        """Remove a trainee, overwrite what stood there, and return what was removed; sessions on disk stay.

        Raises:
            SessionError: nobody of that name is known, or the file cannot be used.
        """
        gone = self.of(trainee)
        if not gone:
            raise SessionError(f"history '{self._file}' knows no trainee '{trainee}': see 'sonocue teach cohort'")
        with self._open() as database:
            database.execute("PRAGMA secure_delete = ON")
            with database:
                database.execute("DELETE FROM session WHERE trainee = ?", [trainee])
            database.execute("VACUUM")
        return gone

    def _rows(self, which: str, *values: str) -> tuple[Entry, ...]:
        columns = ", ".join(item.name for item in fields(Entry))
        if not self._file.exists():
            return ()
        with self._open() as database:
            rows = database.execute(f"SELECT {columns} FROM session {which}", values)  # noqa: S608 - our own words
            return tuple(Entry(*row) for row in rows)

    @contextmanager
    def _open(self, *, make: bool = False) -> Iterator[sqlite3.Connection]:
        try:
            if make:
                self._file.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._file, timeout=_BUSY_S)) as database:
                version = int(database.execute("PRAGMA user_version").fetchone()[0])
                if version == 0:
                    database.executescript(_SCHEMA + f"PRAGMA user_version = {SCHEMA_VERSION};")
                elif version != SCHEMA_VERSION:
                    raise SessionError(
                        f"history '{self._file}': expected version {SCHEMA_VERSION}, got {version}: "
                        "use the newer Sonocue that wrote it, or name another file by --history"
                    )
                yield database
        except (sqlite3.Error, OSError) as error:
            raise SessionError(f"history '{self._file}' cannot be used: {error}: name another by --history") from error
