"""One loop that looks at the service for all panels of a session, while anybody looks at them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ..actions import keys
from ..actions.notices import budgeted
from ..api import VoltageParkError, together
from ..refused import Refused
from ..session import Session

#: What can be read, each in requests that go out together.
READINGS: Mapping[str, Callable[[Session], Any]] = {
    "machines": lambda session: session.machines(),
    "volumes": lambda session: session.volumes(),
    "offers": lambda session: session.client.offers(),
    "keys": lambda session: keys.listed(session),
    "burn": lambda session: session.client.billing.hourly_rate(),
    "balance": lambda session: session.client.billing.balance(),
    "budgeted": lambda session: budgeted(session),
    "places": lambda session: session.place_names(),
}


_MOMENT = 2.0  # seconds
_log = logging.getLogger(__name__)


class Reader(Protocol):
    """What the loop reads for."""

    needs: frozenset[str]  # names of `READINGS`

    @property
    def is_watched(self) -> bool:
        """Whether anybody looks at it."""
        ...

    def receive(self, readings: Mapping[str, Any]) -> None:
        """Take what was read; called in the loop's thread."""

    def fail(self, sentence: str) -> None:
        """Hear that the reading failed, and why; the next one may succeed."""


class Refresh:
    """The loop of one session: a thread that is there while there are readers. It asks for what they need
    together, every `VP.refresh` seconds, and for nothing when nobody looks at any of them."""

    @classmethod
    def of(cls, session: Session) -> Refresh:
        """The session's; it ends with it."""
        found: Refresh = session.parts.setdefault(cls, cls(session))
        return found

    def __init__(self, session: Session) -> None:
        self._session = session
        self._readers: list[Reader] = []
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._pause = 0.0  # seconds that the service asks for

    def add(self, reader: Reader) -> None:
        """Read for it too from now on."""
        with self._lock:
            if reader not in self._readers:
                self._readers.append(reader)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="vp-panels", daemon=True)
                self._thread.start()
        self._wake.set()

    def remove(self, reader: Reader) -> None:
        """Read for it no more."""
        with self._lock:
            if reader in self._readers:
                self._readers.remove(reader)
        self._wake.set()

    def close(self) -> None:
        """Read for nobody any more; a reading that is under way gets a moment to end."""
        with self._lock:
            self._readers.clear()
            thread = self._thread
        self._wake.set()
        if thread is not None:
            thread.join(_MOMENT)

    def now(self) -> None:
        """Read at once, and not only when it is time."""
        self._wake.set()

    def _run(self) -> None:
        while True:
            self._wake.clear()
            with self._lock:
                readers = [*self._readers]
                if not readers:
                    self._thread = None
                    return
            if watched := [reader for reader in readers if reader.is_watched]:
                self._turn_safely(watched)
            self._wake.wait(max(self._session.settings.refresh, self._pause))

    def _turn_safely(self, readers: list[Reader]) -> None:
        try:
            self._turn(readers)
        except Exception as error:  # the next one may go well
            _log.exception("A reading could not be shown.")
            for reader in readers:
                reader.fail(f"That failed, by a fault of vp_jupyter's: {type(error).__name__}.")

    def _turn(self, readers: list[Reader]) -> None:
        needs = frozenset().union(*(reader.needs for reader in readers))
        self._pause = 0.0
        try:
            readings = read(self._session, needs)
            for reader in readers:
                reader.receive(readings)
        except (VoltageParkError, Refused) as error:
            self._pause = getattr(error, "retry_after", None) or 0.0
            for reader in readers:
                reader.fail(str(error))


def read(session: Session, needs: frozenset[str]) -> dict[str, Any]:
    """Those of `READINGS`, in requests that go out together."""
    names = sorted(needs)
    return dict(
        zip(names, together(*(lambda name=name: READINGS[name](session) for name in names)), strict=True)
    )
