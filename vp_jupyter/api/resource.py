"""What every family of operations shares."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, TypeVar

from .errors import Conflict, StillWaiting
from .naming import called
from .transport import Credential, Transport

T = TypeVar("T")

ENDED = {"Terminated", "Failed", "Outbid"}  # a machine in one of these will not come up by itself


class Resource:
    """A family of operations under one path."""

    credential: ClassVar[Credential] = Credential.BEARER

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def _call(
        self,
        method: str,
        path: str,
        into: type[T] | None = None,
        *,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> T:
        return self._transport.call(method, path, into, credential=self.credential, params=params, body=body)

    def _pages(
        self,
        path: str,
        record: type[T],
        *,
        params: Mapping[str, Any] | None = None,
        limit: int | None = None,
    ) -> list[T]:
        return self._transport.pages(path, record, credential=self.credential, params=params, limit=limit)


def given(**fields: Any) -> dict[str, Any]:
    """The fields of a body that were given: None means that it was not."""
    return {name: value for name, value in fields.items() if value is not None}


def keys_from_organization(choice: str | Iterable[str]) -> dict[str, Any]:
    """Which of the organization's SSH keys a deploy gets: "all", "none", or some key ids."""
    if isinstance(choice, str):
        return {"mode": choice}
    ids = list(choice)
    return {"mode": "selective", "ssh_key_ids": ids} if ids else {"mode": "none"}


def wait_until(
    status: str,
    get: Callable[[], T],
    *,
    timeout: float,
    poll: float,
    progress: Callable[[T], None] | None,
) -> T:
    """Ask for a machine again and again until it has a status, and give it.

    `timeout` and `poll` are seconds; the pause grows from a tenth of `poll` to `poll`. `progress` is called
    with every answer. Raises `Conflict` where the machine has ended, `StillWaiting` after `timeout`.
    """
    deadline = time.monotonic() + timeout
    pause = poll / 10
    while True:
        machine: Any = get()
        if progress is not None:
            progress(machine)
        if machine.status == status:
            return machine  # type: ignore[no-any-return]
        if machine.status in ENDED:
            raise Conflict(f"{called(machine)} will not be {status}: it is {machine.status}.")
        if time.monotonic() + pause > deadline:
            raise StillWaiting(
                f"{called(machine)} is {machine.status}, not {status}, after {timeout:.0f} s. "
                "What was asked of it goes on by itself, and it costs meanwhile."
            )
        time.sleep(pause)
        pause = min(pause * 1.5, poll)
