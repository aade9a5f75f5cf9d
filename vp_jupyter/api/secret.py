"""A text that must not be seen: an API key, a password, a kubeconfig."""

from __future__ import annotations

from typing import Any, NoReturn


class Secret:
    """Holds a text and shows none of it, in ``repr``, ``str``, formatting or a pickle.

    ``reveal()`` is the one way to read it, so that every use can be found by name.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(hidden)"

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a Secret is not pickled or copied")
