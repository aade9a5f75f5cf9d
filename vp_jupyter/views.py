"""What a command that lists answers with: a DataFrame that shows itself well."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, NamedTuple

import pandas as pd

from .cards import CELL, block
from .formats import brief, escaped, plain, text


class Column(NamedTuple):
    """How one column is shown."""

    name: str
    heading: str
    show: Callable[[Any], str] = text
    right: bool = False
    wraps: bool = False


class Table(pd.DataFrame):  # type: ignore[misc]  # pandas has no types
    """A DataFrame whose display is a formatted, escaped table with a caption; what is computed from it is a
    plain DataFrame again.

    `muted` names a boolean column: its rows are greyed.
    """

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame  # type: ignore[no-any-return]

    @classmethod
    def of(
        cls, frame: pd.DataFrame, columns: Sequence[Column], *, caption: str = "", muted: str | None = None
    ) -> Table:
        """`frame`, shown by `columns` (which may leave some of it out)."""
        table = cls(frame)
        # Beside pandas' own attributes: a view of it is no data, and no copy inherits it.
        object.__setattr__(table, "_view", (tuple(columns), caption, muted))
        object.__setattr__(table, "_listed", table._shape())
        return table

    def _cells(self) -> tuple[list[Column], list[list[str]], list[bool], str]:
        columns, caption, muted = getattr(
            self, "_view", ([Column(str(name), str(name)) for name in self.columns], "", None)
        )
        columns = [column for column in columns if column.name in self.columns]
        shown = [[brief(column.show(value), CELL) for value in self[column.name]] for column in columns]
        greyed = [bool(value) for value in self[muted]] if muted else [False] * len(self)
        return columns, [list(row) for row in zip(*shown, strict=True)], greyed, caption

    def shown(self, without: Collection[str] = ()) -> tuple[list[Column], list[list[str]]]:
        """The columns of the display, except some, and the texts of each row."""
        columns, rows, _, _ = self._cells()
        places = [place for place, column in enumerate(columns) if column.name not in without]
        return [columns[place] for place in places], [[row[place] for place in places] for row in rows]

    def _shape(self) -> tuple[list[str], list[Any]]:
        return [*self.columns], [*self.index]

    def _plain(self) -> pd.DataFrame | None:
        """The frame as pandas shows it, where it is no longer what was listed."""
        listed = getattr(self, "_listed", None)
        return None if listed == self._shape() else pd.DataFrame(self)

    def _repr_html_(self) -> str:
        if (changed := self._plain()) is not None:
            return str(changed._repr_html_())
        columns, rows, greyed, caption = self._cells()
        align = [f"text-align:{'right' if column.right else 'left'}" for column in columns]
        cells = [
            side if column.wraps else f"{side};white-space:nowrap"
            for column, side in zip(columns, align, strict=True)
        ]
        head = "".join(
            f'<th style="{side};white-space:nowrap">{escaped(column.heading)}</th>'
            for column, side in zip(columns, align, strict=True)
        )
        body = "".join(
            ('<tr style="opacity:.6">' if grey else "<tr>")
            + "".join(
                f'<td style="{style}">{escaped(cell)}</td>' for cell, style in zip(row, cells, strict=True)
            )
            + "</tr>"
            for row, grey in zip(rows, greyed, strict=True)
        )
        foot = f'<div style="margin:.3em 0 .6em">{escaped(caption)}</div>' if caption else ""
        if not rows:
            return block(foot or "Nothing here.")
        return block(
            f'<table class="dataframe"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{foot}'
        )

    def __repr__(self) -> str:
        if (changed := self._plain()) is not None:
            return repr(changed)
        columns, rows, _, caption = self._cells()
        if not rows:
            return plain(caption) or "Nothing here."
        heads = [column.heading for column in columns]
        widths = [max(len(row[index]) for row in [heads, *rows]) for index in range(len(columns))]

        def line(cells: Iterable[str]) -> str:
            padded = (
                cell.rjust(width) if column.right else cell.ljust(width)
                for cell, width, column in zip(cells, widths, columns, strict=True)
            )
            return "  ".join(padded).rstrip()

        return "\n".join([line(heads), *(line(row) for row in rows), *([plain(caption)] if caption else [])])
