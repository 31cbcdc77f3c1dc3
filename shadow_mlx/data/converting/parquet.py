"""Parquet tables, by pyarrow, a few hundred rows at a time."""

from __future__ import annotations

import datetime
import decimal
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shadow_mlx.data.converting.rows import Row, column_names
from shadow_mlx.data.reading.problems import Problem, quoted, whole_file
from shadow_mlx.errors import InputError

ROWS = 256
"""Rows that are held at once."""

BUFFER = 1 << 20
"""Bytes of a column that are read at once."""

MISSING = (
    "Parquet files are read by pyarrow, which is not installed here: pip install "
    "'shadow-mlx[parquet]' (or pip install pyarrow)"
)


class ParquetTable:
    """The rows of a Parquet file, each cell as the JSON value that it is.

    Raises:
        InputError: pyarrow is not installed.
        InvalidDataError: It is no Parquet file; while iterating, a part of it is damaged.
    """

    def __init__(self, path: Path) -> None:
        try:
            import pyarrow.parquet as parquet
        except ImportError:
            raise InputError(f"{path}: {MISSING}") from None
        self._path = path
        with self._read_errors():
            # pre_buffer, which is meant for far-away files, would hold the whole of this one
            self._file = parquet.ParquetFile(path, pre_buffer=False, buffer_size=BUFFER)
            self._names: list[str] = list(self._file.schema_arrow.names)
            self._total = max(1, self._file.metadata.num_rows)
        self.notes: list[str] = []
        self._done = 0

    @property
    def share(self) -> float:
        """How much of the file is read, from 0 to 1."""
        return self._done / self._total

    def __iter__(self) -> Iterator[Row | Problem]:
        self.notes.clear()
        self._done = 0
        names = column_names(self._names, self.notes)
        with self._read_errors():
            for batch in self._batches():
                cells = [column.to_pylist() for column in batch.columns]
                for values in zip(*cells, strict=True):
                    self._done += 1
                    yield self._row(dict(zip(names, values, strict=True)))

    def _batches(self) -> Iterator[Any]:
        """Some rows at a time, of one row group after the other; threads would read ahead."""
        for group in range(self._file.num_row_groups):
            yield from self._file.iter_batches(
                batch_size=ROWS, row_groups=[group], use_threads=False
            )

    def _row(self, values: dict[str, Any]) -> Row | Problem:
        row = Row(values, self._done)
        try:
            return Row({name: plain(value) for name, value in values.items()}, self._done)
        except TypeError as error:
            return row.problem(self._path, str(error), "text, numbers, lists and structures")

    @contextmanager
    def _read_errors(self) -> Iterator[None]:
        import pyarrow

        try:
            yield
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            said = " ".join(str(error).split())[:200]
            raise whole_file(self._path, f"a damaged file ({said})", "a Parquet table") from None


def plain(value: Any) -> Any:
    """A cell as a JSON value.

    Raises:
        TypeError: It is none, such as a picture; the message says what it is.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None  # a table's way to say that nothing is there
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, decimal.Decimal | datetime.timedelta):
        return str(value)
    if isinstance(value, datetime.date | datetime.time):  # a datetime is a date
        return value.isoformat()
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise TypeError(f"binary data ({len(value):,} bytes)") from None
    raise TypeError(f"a value of the type {quoted(type(value).__name__)}")
