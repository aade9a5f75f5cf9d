"""Frames of money and times as files: CSV and Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd


def write(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame of money and times: ``.csv`` with exact decimals and times as ``2026-10-01T00:00:00Z``,
    ``.parquet`` with their types. Lists become comma-separated. Raises `ValueError` for another suffix."""
    match path.suffix.lower():
        case ".parquet":
            frame.to_parquet(path, index=False)
        case ".csv":
            plain = frame.copy()
            for name in plain.columns:
                if isinstance(plain[name].dtype, pd.DatetimeTZDtype):
                    plain[name] = [None if pd.isna(at) else _iso(at) for at in plain[name]]
                else:
                    plain[name] = [_safe(value) for value in plain[name]]
            plain.to_csv(path, index=False)
        case other:
            raise ValueError(
                f"{other or 'no suffix'!r} is no format: name a file that ends in .csv or .parquet."
            )


def _iso(at: pd.Timestamp) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}{f'.{at.microsecond:06}' if at.microsecond else ''}Z"


def _safe(value: Any) -> Any:
    """A value for a spreadsheet: no text from elsewhere begins a formula."""
    text = ", ".join(map(str, value)) if isinstance(value, list) else value
    return f"'{text}" if isinstance(text, str) and text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
