"""What every family of operations shares."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Protocol, TypeVar

from .errors import Conflict, NotFound, StillWaiting, VoltageParkError
from .naming import called
from .patience import launch_tag, once, repeated
from .records import Deployment, Rental, VirtualMachine
from .secret import Secret
from .transport import Credential, Transport
from .wire import Digest

T = TypeVar("T")

ENDED = {"Terminated", "Failed", "Outbid"}  # a machine in one of these will not come up by itself


def reraise(failure: VoltageParkError) -> Any:
    """What has become of a change when nothing can be seen of it: it failed."""
    raise failure


def gone(failure: VoltageParkError) -> None:
    """What has become of an end: there is nothing any more."""
    if not isinstance(failure, NotFound):
        raise failure


class _Deployed(Protocol):
    @property
    def deployment(self) -> Deployment: ...


class Resource:
    """A family of operations under one path."""

    credential: ClassVar[Credential] = Credential.BEARER

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def _read(self, path: str, into: type[T] | Digest[T], *, params: Mapping[str, Any] | None = None) -> T:
        return self._transport.read(path, into, credential=self.credential, params=params)

    def _change(
        self,
        method: str,
        path: str,
        into: type[T] | None = None,
        *,
        body: Mapping[str, Any] | None = None,
        done: Callable[[VoltageParkError], T] | None = reraise,
    ) -> T:
        """Change something in a way that may happen twice; `done` as for `patience.repeated`."""
        attempt = functools.partial(
            self._transport.call, method, path, into, credential=self.credential, body=body
        )
        return repeated(attempt, self._transport.patience, done=done)

    def _create(
        self, path: str, into: type[T], *, body: Mapping[str, Any], look: Callable[[], T | None], what: str
    ) -> T:
        """Make something that must not be made twice; the rest as for `patience.once`."""
        attempt = functools.partial(
            self._transport.call, "POST", path, into, credential=self.credential, body=body
        )
        return once(attempt, self._transport.patience, look=look, what=what)

    def _launch(
        self,
        path: str,
        into: type[_Deployed],
        body: Mapping[str, Any],
        tags: Iterable[str],
        machines: Callable[[], Iterable[VirtualMachine | Rental]],
    ) -> Deployment:
        """Deploy one machine, never two: it carries a tag of its own besides `tags`, by which it is found
        among the `machines` where the answer is lost."""
        tag = launch_tag()
        tagged = {**body, "tags": [*tags, tag]}

        def deploy() -> Deployment:
            answer = self._transport.call("POST", path, into, credential=self.credential, body=tagged)
            return answer.deployment

        def look() -> Deployment | None:
            mine = next((one for one in machines() if tag in one.tags), None)
            if mine is None:
                return None
            return Deployment(id=mine.id, warning="The answer was lost, but its tag shows that it is there.")

        what, again = f"a machine with the tag {tag}", f"%vp ls --tag {tag} looks again."
        return once(deploy, self._transport.patience, look=look, what=what, again=again)

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


def hidden(value: Any) -> Any:
    """A part of a body that must not be seen."""
    return value if value is None or isinstance(value, Secret) else Secret(value)


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
