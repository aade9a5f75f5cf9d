"""Talking with the person at the notebook: questions, progress, cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from IPython.core.error import StdinNotImplementedError
from IPython.core.getipython import get_ipython
from IPython.display import display

from ..api import Secret
from ..cards import Plain
from ..formats import plain
from ..refused import Refused

if TYPE_CHECKING:
    from ..session import Session

#: What reading an answer raises where nobody can give one: nbconvert, papermill, a closed terminal.
NOBODY = (StdinNotImplementedError, EOFError, OSError)


def confirm(session: Session, question: str, *, yes: bool) -> None:
    """Ask before money is spent or data destroyed; `yes` is an answer given in advance.

    Raises `Refused` where the answer is no, or where nobody can answer.
    """
    if yes or not session.settings.confirm:
        return
    try:
        answer = input(f"{plain(question)} [y/N] ")
    except NOBODY:
        raise Refused(
            f"{plain(question)} Nobody can answer here: add --yes to the command to agree."
        ) from None
    except KeyboardInterrupt:
        raise Refused("Nothing was done.") from None
    if answer.strip().lower() not in ("y", "yes"):
        raise Refused("Nothing was done.")


def ask_secret(prompt: str) -> Secret:
    """Ask for a text that is not shown. Raises `Refused` where nobody can answer."""
    from getpass import getpass

    try:
        return Secret(getpass(prompt).strip())
    except NOBODY:
        raise Refused("A key cannot be typed here: set VP_API_KEY before the notebook starts.") from None


def say(sentence: str) -> None:
    """Show a sentence now, before the command ends."""
    display(Plain(sentence))


def show(thing: object) -> None:
    """Show a table or a card now, before the command ends."""
    display(thing)


def offer_cell(source: str) -> None:
    """Put a new cell below with a source that is ready to run; nothing runs by itself. One for each run of a
    cell arrives, so several lines go into one call."""
    shell = get_ipython()
    if shell is not None:
        shell.set_next_input(source)


class Progress:
    """One line that is rewritten as things go on; where it cannot be rewritten, a line for each change."""

    def __init__(self) -> None:
        shell = get_ipython()
        self._rewrites = shell is not None and hasattr(shell, "kernel")
        self._handle = None
        self._last = ""

    def __call__(self, sentence: str) -> None:
        """Show where it stands."""
        if self._rewrites:
            if self._handle is None:
                self._handle = display(Plain(sentence), display_id=True)
            else:
                self._handle.update(Plain(sentence))
        elif sentence.split(" · ")[0] != self._last:  # in a terminal the passing seconds are no news
            print(plain(sentence), flush=True)
        self._last = sentence.split(" · ")[0]
