"""A text field whose content stays out of the notebook: cloud-init can hold secrets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
from traitlets import Int, Unicode


class Draft(anywidget.AnyWidget):
    """`text` is what stands in it. It is no part of the widget's state, which notebooks save."""

    _esm = Path(__file__).with_name("draft.js")

    label = Unicode().tag(sync=True)
    placeholder = Unicode().tag(sync=True)
    lines = Int(1).tag(sync=True)

    def __init__(self, label: str, *, lines: int = 1, placeholder: str = "") -> None:
        super().__init__(label=label, lines=lines, placeholder=placeholder)
        self.text = ""
        self.changed: Callable[[], None] = lambda: None
        self.on_msg(self._heard)

    def clear(self) -> None:
        """Empty it."""
        self.text = ""
        self.send({"clear": True})

    def _heard(self, _: Any, message: dict[str, Any], __: Any) -> None:
        if "text" in message:
            self.text = str(message["text"])
            self.changed()
