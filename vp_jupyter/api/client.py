"""The client: one attribute for each family of operations."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from datetime import datetime
from typing import Self

from .._version import __version__
from .address import DEFAULT_BASE_URL
from .billing import Billing
from .cloud_init import CloudInit
from .machines import Machines
from .metal import BareMetal
from .offers import Offer, current_offers
from .organization import Organizations, SshKeys
from .patience import Patience
from .places import Hostnodes, Locations
from .presets import Presets
from .secret import Secret
from .storage import Storage
from .transport import Transport
from .vms import VirtualMachines

#: Where a key is looked for, in this order: our own name, then those of other published clients.
KEY_VARIABLES = (
    "VP_API_KEY",
    "VOLTAGE_PARK_API_KEY",
    "VOLTAGE_PARK_API_TOKEN",
    "VOLTAGE_PARK_TOKEN",
    "VP_API_TOKEN",
)


def key_from_environment(environment: Mapping[str, str] = os.environ) -> Secret | None:
    """The API key from the first of `KEY_VARIABLES` that is set; None where none is."""
    for name in KEY_VARIABLES:
        if key := environment.get(name, "").strip():
            return Secret(key)
    return None


class Client:
    """The Voltage Park On-Demand API.

    ::

        with Client() as client:
            for vm in client.vms.list():
                print(vm.name, vm.status)

    `api_key` and `base_url` come from the environment where they are not given (`KEY_VARIABLES`,
    ``VP_BASE_URL``). Without a key the public operations work: presets, bare-metal locations, cloud-init
    validation. A client keeps one pool of connections, may be used from several threads, and is closed by
    `close` or as a context manager. `page_size` is how many records are asked for at once.

    After a failure that may pass, what can be repeated without harm is tried again, for as long as `patience`
    says. A launch is never doubled: where its answer is lost, the machine is looked for by a tag of its own.
    Every failure is a `VoltageParkError`.
    """

    def __init__(
        self,
        api_key: str | Secret | None = None,
        base_url: str | None = None,
        *,
        page_size: int = 100,
        patience: Patience = Patience(),  # noqa: B008
    ) -> None:
        api_key = Secret(api_key) if isinstance(api_key, str) else api_key or key_from_environment()
        self._transport = Transport(
            base_url or os.environ.get("VP_BASE_URL") or DEFAULT_BASE_URL,
            api_key,
            page_size=page_size,
            user_agent=f"vp_jupyter/{__version__}",
            patience=patience,
        )
        self.has_key = bool(api_key)
        self.locations = Locations(self._transport)
        self.hostnodes = Hostnodes(self._transport)
        self.presets = Presets(self._transport)
        self.vms = VirtualMachines(self._transport)
        self.metal = BareMetal(self._transport)
        self.machines = Machines(self.vms, self.metal)
        self.billing = Billing(self._transport)
        self.organization = Organizations(self._transport)
        self.ssh_keys = SshKeys(self._transport)
        self.storage = Storage(self._transport)
        self.cloud_init = CloudInit(self._transport)

    @property
    def base_url(self) -> str:
        """The service's address, with ``/api/v1``."""
        return self._transport.base_url

    @property
    def account(self) -> str:
        """What tells this account (a service and a key) from others on this computer, without giving the key
        away: a digest of both."""
        key = self._transport.key.reveal() if self._transport.key else ""
        return hashlib.blake2b(
            f"{self.base_url}\n{key}".encode(errors="surrogatepass"), digest_size=16
        ).hexdigest()

    def offers(self) -> list[Offer]:
        """Everything that is for sale, sold out or not, cheapest per GPU first; see `offers.Offer`."""
        return current_offers(self.presets, self.metal)

    @property
    def knows_time(self) -> bool:
        """Whether the service has told its time yet, in any answer."""
        return self._transport.knows_time

    def now(self) -> datetime:
        """The time by the service's clock (UTC), as of its last answer."""
        return self._transport.now()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client(base_url={self.base_url!r}, key {'hidden' if self.has_key else 'missing'})"
