"""What one notebook knows: its client, its settings, what it last saw."""

from __future__ import annotations

import contextlib
import functools
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from . import keychain
from .api import Client, Machine, Secret, key_from_environment, together
from .api.address import DEFAULT_BASE_URL, checked_base_url, is_loopback
from .api.naming import pick
from .api.records import Volume
from .interrupts import Held, held_back
from .refused import Refused

if TYPE_CHECKING:
    import pandas as pd

    from .archive import Archive
    from .costs import Budget
    from .reach import Reach
    from .sandbox import Sandbox
    from .settings import Settings


_BUDGETS = "vp_jupyter/budgets"
Thing = TypeVar("Thing", Machine, Volume)


class Session:
    """The state behind %vp: made at the first command, one for each shell."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.sandbox: Sandbox | None = None
        self.parts: dict[type, Any] = {}  # what the fronts keep for this session, each with a `close`
        self._client: Client | None = None
        self._one_at_a_time = threading.Lock()
        self._is_over = False
        self._login: Secret | None = None
        self._listed: dict[str, tuple[float, Sequence[Any]]] = {}
        self._known: dict[str, Machine | Volume] = {}  # what was seen, even if it has ended since

    @functools.cached_property
    def reach(self) -> Reach:
        """What it keeps open to its machines."""
        from .reach import Reach

        return Reach(self.settings)

    @property
    def variables(self) -> dict[str, Any]:
        """The notebook's variables."""
        assert self.settings.shell is not None
        variables: dict[str, Any] = self.settings.shell.user_ns
        return variables

    # --- the service ---

    @property
    def base_url(self) -> str:
        """The service this notebook talks to."""
        if self.sandbox is not None:
            return str(self.sandbox.base_url)
        return checked_base_url(os.environ.get("VP_BASE_URL") or DEFAULT_BASE_URL)

    @property
    def on_loopback(self) -> bool:
        """Whether the service is on this computer, so that no real money is spent."""
        return is_loopback(urlsplit(self.base_url).hostname)

    @property
    def client(self) -> Client:
        """The client, with the key from the login, the environment or the system keyring."""
        with self._one_at_a_time:  # reads that go out together must not each make one
            if self._is_over:  # what still goes on in a thread must not open connections that nobody closes
                raise Refused("This session has ended.")
            if self._client is None:
                key, _ = self.key()
                self._client = Client(key, self.base_url, page_size=self.settings.page_size)
            return self._client

    def key(self) -> tuple[Secret | None, str]:
        """The key in use and where it comes from, in words."""
        if self.sandbox is not None:
            return Secret(self.sandbox.api_key), "the sandbox"
        if self._login is not None:
            return self._login, "this session's login"
        if key := key_from_environment():
            return key, "the environment"
        if key := keychain.load(self.base_url):
            return key, "the system keyring"
        return None, "nowhere: there is no key"

    def login(self, key: Secret | None) -> None:
        """Use a key from now on; None forgets the one that was given."""
        self._login = key
        self._reset()

    def enter(self, sandbox: Sandbox | None) -> None:
        """Talk to a sandbox from now on, or (None) to the service again; the sandbox before it ends."""
        if "reach" in vars(self):
            self.reach.close()  # its machines are another service's
        before, self.sandbox = self.sandbox, sandbox
        self._reset()
        if before is not None:
            before.stop()

    def close(self) -> None:
        """End what the session has started, and the session."""
        self._is_over = True
        while self.parts:
            self.parts.popitem()[1].close()
        self.enter(None)

    def _reset(self) -> None:
        with self._one_at_a_time:
            client, self._client = self._client, None
        self._listed.clear()
        self._known.clear()
        if client is not None:
            client.close()

    # --- what was seen ---

    def machines(self) -> Sequence[Machine]:
        """Every machine now."""
        return self._remembered("machines", self.client.machines.list())

    def machine(self, reference: str) -> Machine:
        """The machine of that name or id; see `api.naming.pick`."""
        return pick(reference, self.machines(), "machine")

    def volumes(self) -> Sequence[Volume]:
        """Every volume now."""
        return self._remembered("volumes", self.client.storage.list())

    def labels(self) -> pd.DataFrame:
        """The names and tags of what is billed (`tables.labels`): of what is there, and of what was there
        when this session last looked."""
        from . import tables

        together(self.machines, self.volumes)
        return tables.labels(self._known.values())

    @property
    def archive(self) -> Archive | None:
        """Where months of the account that are over are kept; not those of a sandbox, which ends with this
        notebook."""
        from .archive import Archive

        if self.sandbox is not None or not self.settings.keep_months:
            return None
        return Archive(self.client.account)

    @property
    def budget(self) -> Budget | None:
        """What may be spent, kept in IPython's own store for this service; every sandbox is the same one."""
        from .costs import parse_budget

        kept = self._store().get(_BUDGETS, {}).get(self._service)
        return parse_budget(kept) if kept else None

    @budget.setter
    def budget(self, budget: Budget | None) -> None:
        kept = {name: text for name, text in self._store().get(_BUDGETS, {}).items() if name != self._service}
        self._store()[_BUDGETS] = kept if budget is None else kept | {self._service: str(budget)}

    @property
    def _service(self) -> str:
        return "sandbox" if self.on_loopback else self.base_url

    def _store(self) -> Any:
        shell = self.settings.shell
        return {} if shell is None else shell.db

    def today(self) -> date:
        """The UTC day by the service's clock, which is asked where it has not been yet."""
        if not self.client.knows_time:
            self.client.billing.hourly_rate()
        return self.client.now().date()

    def seen(self, kind: str, *, fetch: Callable[[Client], Sequence[Any]], max_age: float) -> Sequence[Any]:
        """A listing that is at most `max_age` seconds old, from memory where that holds."""
        listed = self._listed.get(kind)
        if listed is not None and time.monotonic() - listed[0] <= max_age:
            return listed[1]
        return self._seen(kind, fetch(self.client))

    def _seen(self, kind: str, items: Sequence[Any]) -> Sequence[Any]:
        self._listed[kind] = (time.monotonic(), items)
        return items

    def _remembered(self, kind: str, things: Sequence[Thing]) -> Sequence[Thing]:
        self._known |= {thing.id: thing for thing in things}
        return self._seen(kind, things)

    @contextlib.contextmanager
    def changing(self) -> Iterator[Held]:
        """Around each change of what there is: a first interrupt waits for its outcome (see `interrupts`),
        and the listings are forgotten."""
        try:
            with held_back() as held:
                yield held
        finally:
            self.changed()

    def changed(self) -> None:
        """Forget the listings: something is not as it was."""
        self._listed.clear()

    def place_names(self) -> Callable[[str], str]:
        """How to name a location by its id; without a key, or an answer, by a part of the id."""
        from .api import VoltageParkError

        names: dict[str, str] = {}
        if self.client.has_key:
            with contextlib.suppress(VoltageParkError):
                places = self.seen("locations", fetch=lambda client: client.locations.list(), max_age=600)
                names = {place.id: place.label for place in places}
        return lambda id: names.get(id, id[:8])
