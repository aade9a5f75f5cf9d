"""What must not be seen: an API key, a password, a kubeconfig, a cloud-init script."""

from __future__ import annotations

from typing import Any, NoReturn


class Secret:
    """Holds a text, or whatever else, and shows none of it, in ``repr``, ``str``, formatting or a pickle.

    ``reveal()`` is the one way to read it, so that every use can be found by name.
    """

    __slots__ = ("_held",)

    def __init__(self, held: Any) -> None:
        self._held = held

    def reveal(self) -> Any:
        """What is held."""
        return self._held

    def __repr__(self) -> str:
        return "Secret(hidden)"

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._held == self._held

    def __hash__(self) -> int:
        return hash(self._held)

    def __bool__(self) -> bool:
        return bool(self._held)

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a Secret is not pickled or copied")
