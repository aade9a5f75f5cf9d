"""Months of the account that are over, kept on this computer as private Parquet files."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from contextlib import suppress
from datetime import date
from decimal import Decimal
from pathlib import Path

import pandas as pd
import platformdirs
import pyarrow as pa
import pyarrow.parquet as pq

from ._version import __version__
from .api.billing import Balances

GOOD_FOR = 30 * 86_400  # seconds that a month is believed
_FORGOTTEN = 90 * 86_400  # seconds after which the folder of an account that nobody asks for is deleted
_OURS = b"vp_jupyter"
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, ArithmeticError, pa.ArrowException)


class Archive:
    """The months of one account. What cannot be read is not there; what cannot be written is not kept."""

    def __init__(self, account: str) -> None:
        self._root = platformdirs.user_cache_path("vp_jupyter")
        self._folder = self._root / account

    def balances(self, month: date) -> Balances | None:
        """What a month's file says of its balances; None where there is none, or none that is still good."""
        path = self._path(month)
        with suppress(*_UNREADABLE):
            if 0 <= time.time() - path.stat().st_mtime < GOOD_FOR:
                return _balances(pq.read_schema(path))
        return None

    def month(self, month: date) -> tuple[pd.DataFrame, Balances] | None:
        """The lines (`tables.transactions`) of a month and its balances; None where they cannot be read."""
        with suppress(*_UNREADABLE):
            with pq.ParquetFile(self._path(month), page_checksum_verification=True) as file:
                table = file.read()
            pa.default_memory_pool().release_unused()  # several times what the lines take
            return table.to_pandas(types_mapper=_type), _balances(table.schema)
        return None

    def keep(self, month: date, lines: pd.DataFrame, balances: Balances) -> None:
        """Keep a month in place of what was kept of it."""
        said = json.dumps(
            {"version": __version__, **{name: str(usd) for name, usd in balances._asdict().items()}}
        )
        table = pa.Table.from_pandas(lines, preserve_index=False)
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), _OURS: said})
        with suppress(OSError, pa.ArrowException):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._tidy()
            # Made for its owner alone, and put in its place whole: another kernel may read it meanwhile.
            handle, temporary = tempfile.mkstemp(dir=self._folder)
            try:
                with os.fdopen(handle, "wb") as file:
                    pq.write_table(table, file, write_page_checksum=True)
                Path(temporary).replace(self._path(month))
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise

    def forget(self) -> None:
        """Delete what is kept of the account."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, month: date) -> Path:
        return self._folder / f"{month:%Y-%m}.parquet"

    def _tidy(self) -> None:
        for folder in self._root.iterdir():
            if folder != self._folder and time.time() - folder.stat().st_mtime > _FORGOTTEN:
                shutil.rmtree(folder, ignore_errors=True)


def _balances(schema: pa.Schema) -> Balances:
    """Raises `KeyError` or `ValueError` for a file that another version has written."""
    said = json.loads(schema.metadata[_OURS])
    if said.pop("version") != __version__:
        raise ValueError
    return Balances(**{name: Decimal(usd) for name, usd in said.items()})


def _type(kind: pa.DataType) -> pd.ArrowDtype | None:
    return pd.ArrowDtype(kind) if pa.types.is_decimal(kind) else None
