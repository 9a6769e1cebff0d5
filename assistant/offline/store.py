"""Where the rows of an archive go: one Parquet or JSON Lines file, which a run may be killed before at any moment.

While a run lasts, each recording that is done has a part of its own in ``OUT.parts``, which appears whole (written
beside and renamed). At the end all parts become ``OUT``, which appears whole too, and the parts go. So nothing
half-written ever counts, what is done is known from the parts and from ``OUT`` alone, and a later run adds what is
missing.

Runs on the main thread of a run.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from assistant.errors import ConfigError
from assistant.offline.rows import COLUMNS, Row
from assistant.plugin_loader import missing_package

_ROWS_AT_ONCE = 50_000


class RowFormat(Protocol):
    """How rows lie in a file."""

    def write(self, file: Path, tables: Iterable[Sequence[Row]]) -> None:
        """Write all rows of all tables."""
        ...

    def read(self, file: Path) -> Iterator[list[Row]]:
        """All rows, some thousands at a time, in order."""
        ...


class JsonLines:
    """One JSON object a line, UTF-8."""

    def write(self, file: Path, tables: Iterable[Sequence[Row]]) -> None:
        """See ``RowFormat.write``."""
        with file.open("w", encoding="utf-8") as stream:
            for rows in tables:
                stream.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            stream.flush()
            os.fsync(stream.fileno())

    def read(self, file: Path) -> Iterator[list[Row]]:
        """See ``RowFormat.read``."""
        rows: list[Row] = []
        with file.open(encoding="utf-8") as stream:
            for line in stream:
                rows.append(json.loads(line))
                if len(rows) == _ROWS_AT_ONCE:
                    yield rows
                    rows = []
        if rows:
            yield rows


class Parquet:
    """Apache Parquet, compressed with Zstandard."""

    def __init__(self) -> None:
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ModuleNotFoundError as error:
            raise missing_package(error, "--out FILE.parquet (or name a .jsonl file)") from error
        self._pa, self._pq = pa, pq
        words, number = pa.dictionary(pa.int32(), pa.string()), pa.float64()
        types = {
            "file": words, "frame": pa.int64(), "time_s": number, "plane": words, "confidence": number, "top": words,
            "abstention": words, "probabilities": pa.list_(pa.float32()), "gaze_x_px": pa.float32(),
            "gaze_y_px": pa.float32(), "model": words,
        }  # fmt: skip
        self._schema: Any = pa.schema([(name, types[name]) for name in COLUMNS])

    def write(self, file: Path, tables: Iterable[Sequence[Row]]) -> None:
        """See ``RowFormat.write``."""
        with (
            file.open("wb") as stream,
            self._pq.ParquetWriter(stream, self._schema, compression="zstd") as writer,
        ):
            for rows in tables:
                if rows:
                    writer.write_table(self._pa.Table.from_pylist(list(rows), schema=self._schema))
        with file.open("rb+") as written:
            os.fsync(written.fileno())

    def read(self, file: Path) -> Iterator[list[Row]]:
        """See ``RowFormat.read``."""
        with self._pq.ParquetFile(file) as parquet:
            for batch in parquet.iter_batches(batch_size=_ROWS_AT_ONCE):
                yield batch.to_pylist()


class ResultStore:
    """The results of a run, and of those before it, under one name.

    Args:
        out: ``FILE.parquet`` or ``FILE.jsonl``.
        model_id: of the model that the rows are of; rows of another model may not stand beside them.

    Raises:
        ConfigError: another suffix, a file that cannot be read, or rows of another model.
        PluginError: Parquet is asked for and pyarrow is not installed.
    """

    def __init__(self, out: Path, model_id: str) -> None:
        self.out = out
        self._suffix = out.suffix.lower()
        if self._suffix not in (".parquet", ".jsonl"):
            raise ConfigError(f"--out '{out}': expected a name that ends in .parquet or .jsonl")
        self._format: RowFormat = Parquet() if self._suffix == ".parquet" else JsonLines()
        self._parts = out.with_name(out.name + ".parts")
        self._in_out: frozenset[str] = frozenset()
        if out.exists():
            self._in_out = self._files_of(out, model_id)
        for part in self._part_files():
            self._files_of(part, model_id, only_first=True)

    def has(self, file: Path) -> bool:
        """Its rows are there, from this run or from one before."""
        return str(file) in self._in_out or self._part(file).is_file()

    def add(self, file: Path, rows: Sequence[Row]) -> None:
        """Keep all rows of a recording that is done.

        Raises:
            ConfigError: they cannot be written.
        """
        part = self._part(file)
        try:
            self._parts.mkdir(parents=True, exist_ok=True)
            unfinished = part.with_suffix(f".{os.getpid()}.unfinished")
            self._format.write(unfinished, [rows])
            unfinished.replace(part)
        except OSError as error:
            raise ConfigError(f"results cannot be written to '{self._parts}': {error.strerror}") from error

    def finish(self, order: Sequence[Path]) -> None:
        """Make ``out`` of what there was and of all parts, those of ``order`` first; the parts go.

        Raises:
            ConfigError: it cannot be written.
        """
        asked = [self._part(file) for file in order if str(file) not in self._in_out]
        parts = [part for part in dict.fromkeys([*asked, *self._part_files()]) if part.is_file()]
        if parts or not self.out.exists():
            unfinished = self.out.with_name(f".{self.out.name}.{os.getpid()}.unfinished")
            try:
                self.out.parent.mkdir(parents=True, exist_ok=True)
                self._format.write(unfinished, self._tables(parts))
                unfinished.replace(self.out)
            except OSError as error:
                raise ConfigError(f"results cannot be written to '{self.out}': {error.strerror}") from error
            finally:
                unfinished.unlink(missing_ok=True)
        shutil.rmtree(self._parts, ignore_errors=True)

    def _tables(self, parts: Sequence[Path]) -> Iterator[list[Row]]:
        if self._in_out:
            yield from self._format.read(self.out)
        for part in parts:
            for rows in self._format.read(part):
                # A run that was killed between its last two steps left parts of what stands in the file already.
                yield [row for row in rows if row["file"] not in self._in_out]

    def _part(self, file: Path) -> Path:
        return self._parts / f"{hashlib.sha256(str(file).encode()).hexdigest()[:32]}{self._suffix}"

    def _part_files(self) -> list[Path]:
        return sorted(self._parts.glob(f"*{self._suffix}")) if self._parts.is_dir() else []

    def _files_of(self, file: Path, model_id: str, *, only_first: bool = False) -> frozenset[str]:
        """The recordings whose rows a file holds."""
        found: set[str] = set()
        try:
            for rows in self._format.read(file):
                for row in rows:
                    if row["model"] != model_id:
                        raise ConfigError(
                            f"'{file}' holds results of the model {row['model']}, not of {model_id}: name another --out"
                        )
                    found.add(row["file"])
                if only_first:
                    break
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"'{file}' is no file of results that can be read: move it away: {error}") from error
        return frozenset(found)
