"""The foot of a panel: what goes on, the question that waits for a yes, a cell below, and who looks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
from traitlets import Bool, Unicode

_ABSENT = 90.0  # seconds without a heartbeat after which nobody looks; hidden pages beat once a minute


class Foot(anywidget.AnyWidget):
    """The last line of a panel. `tone` is ``calm``, ``busy`` or ``error``."""

    _esm = Path(__file__).with_name("foot.js")
    _css = Path(__file__).with_name("panel.css")

    status = Unicode().tag(sync=True)
    tone = Unicode("calm").tag(sync=True)
    question = Unicode().tag(sync=True)
    yes = Unicode("Yes").tag(sync=True)
    danger = Bool(False).tag(sync=True)

    def __init__(self, *, comes_back: Callable[[], None] = lambda: None) -> None:
        """`comes_back` is called when somebody looks again."""
        super().__init__()
        self._comes_back = comes_back
        self._on_yes: Callable[[], None] | None = None
        self._one_at_a_time = threading.Lock()
        self._last_beat = time.monotonic()  # it is about to be shown
        self.on_msg(self._heard)

    def tell(self, sentence: str, tone: str = "calm") -> None:
        """Say what is going on."""
        with self.hold_sync():
            self.status, self.tone = sentence, tone

    def ask(self, question: str, yes: str, then: Callable[[], None], *, danger: bool = False) -> None:
        """Ask, and do `then` after one yes; asking something else is a no."""
        with self._one_at_a_time:
            self._on_yes = then
        with self.hold_sync():
            self.yes, self.danger, self.question = yes, danger, question

    def insert(self, source: str) -> None:
        """Put a cell below the panel with a source that is ready to run; where the front end has no way for
        that, show it with a button that copies it."""
        self.send({"insert": source})

    def show(self, source: str) -> None:
        """Show a text with a button that copies it."""
        self.send({"show": source})

    @property
    def is_watched(self) -> bool:
        """Whether anybody looks, as far as is known."""
        return time.monotonic() - self._last_beat < _ABSENT

    def _heard(self, _: Any, message: dict[str, Any], __: Any) -> None:
        if "answer" in message:
            self._answered(bool(message["answer"]), message.get("to"))
        if (watching := message.get("watching")) is not None:
            was_watched = self.is_watched
            self._last_beat = time.monotonic() if watching else float("-inf")
            if watching and not was_watched:
                self._comes_back()
        if (inserted := message.get("inserted")) is not None:
            self.tell("The cell below is ready to run." if inserted else "Copy this into a cell.")

    def _answered(self, yes: bool, to: object) -> None:
        with self._one_at_a_time:  # a second click comes too late
            then, self._on_yes = self._on_yes, None
        asked, self.question = self.question, ""
        if then is not None and yes and to == asked:
            then()
        elif then is not None:
            self.tell("Nothing was done.")
