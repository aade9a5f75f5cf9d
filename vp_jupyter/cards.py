"""What a command answers with in words: a card of facts, a sentence."""

from __future__ import annotations

from collections.abc import Mapping

from .formats import brief, escaped, plain

CELL = 160  # characters of a text that a display shows


class Card:
    """A heading, facts beneath it, and a closing remark."""

    def __init__(self, title: str, facts: Mapping[str, str], note: str = "") -> None:
        self.title = brief(title, CELL)
        self.facts = {name: brief(value, 10 * CELL) for name, value in facts.items() if value}
        self.note = note

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th style="text-align:left">{escaped(name)}</th>'
            f'<td style="text-align:left">{escaped(value)}</td></tr>'
            for name, value in self.facts.items()
        )
        note = f"<div>{escaped(self.note)}</div>" if self.note else ""
        return block(f"<div><b>{escaped(self.title)}</b></div><table>{rows}</table>{note}")

    def __repr__(self) -> str:
        width = max((len(name) for name in self.facts), default=0)
        facts = [f"  {name.ljust(width)}  {plain(value)}" for name, value in self.facts.items()]
        return "\n".join([plain(self.title), *facts, *([plain(self.note)] if self.note else [])])


def block(content: str) -> str:
    """HTML that is shown as it stands: notebooks read what is between two dollar signs as mathematics, unless
    MathJax is told to leave it alone."""
    return f'<div class="mathjax_ignore tex2jax_ignore">{content}</div>'


class Plain(str):
    """A text that shows as itself, without quotes."""

    def __repr__(self) -> str:
        return plain(self)


class Note(Plain):
    """A sentence on what was done or is so: it is said, and is not a value."""
