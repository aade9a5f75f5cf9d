"""A table in a panel, whose rows can be chosen."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import anywidget
from traitlets import Bool, Unicode
from traitlets import List as Items

from ..formats import plain
from ..views import Table


class Grid(anywidget.AnyWidget):
    """Rows of texts under headings; `selected` is the key of the chosen row, or empty. What does not change
    is not sent and not drawn again."""

    _esm = Path(__file__).with_name("grid.js")

    label = Unicode().tag(sync=True)
    empty = Unicode("Nothing here.").tag(sync=True)
    columns: Items[Any] = Items().tag(sync=True)
    rows: Items[Any] = Items().tag(sync=True)
    selected = Unicode().tag(sync=True)
    selectable = Bool(True).tag(sync=True)

    def show(
        self,
        table: Table,
        *,
        without: Collection[str] = (),
        key: Callable[[Any], str] | None = None,
        name: Callable[[Any], str] = lambda row: "",
        tone: Callable[[Any], str] = lambda row: "",
    ) -> None:
        """Show a table `without` some of its columns.

        Of a row of its data, `key` gives what tells it from others (its place, otherwise), `name` what it is
        called for who does not see it, and `tone` gives ``muted`` for one that cannot be chosen, ``warning``
        for one that stands out.
        """
        columns, cells = table.shown(without)
        rows = [
            {
                "key": key(row) if key else str(place),
                "name": plain(name(row)),
                "cells": texts,
                "tone": tone(row),
            }
            for place, (row, texts) in enumerate(zip(table.to_dict("records"), cells, strict=True))
        ]
        with self.hold_sync():
            self.columns = [
                {"heading": column.heading, "right": column.right, "wraps": column.wraps}
                for column in columns
            ]
            self.rows = rows
            if self.selected not in {row["key"] for row in rows if row["tone"] != "muted"}:
                self.selected = ""
