"""Bare metal: rentals of whole nodes."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .address import route
from .errors import NotFound, VoltageParkError
from .records import Deployment, Labels, MetalLocation, Record, Rental
from .resource import Resource, given, gone, hidden, keys_from_organization, wait_until
from .secret import Secret
from .transport import Credential


class _Rented(Record, frozen=True, kw_only=True):
    rental_id: str
    warning: str | None = None

    @property
    def deployment(self) -> Deployment:
        return Deployment(id=self.rental_id, warning=self.warning)


class BareMetal(Resource):
    """``/bare-metal``"""

    def locations(self) -> builtins.list[MetalLocation]:
        """What bare metal is free where, and its price. Needs no key."""
        return self._transport.pages("bare-metal/locations", MetalLocation, credential=Credential.NONE)

    def list(self) -> builtins.list[Rental]:
        """Every rental that has not been terminated."""
        return self._pages("bare-metal/", Rental)

    def get(self, id: str) -> Rental:
        """One rental, from the service's own operation or, where it has none, from the listing."""
        try:
            return self._read(route("bare-metal", id), Rental)
        except NotFound:
            for rental in self.list():
                if rental.id == id:
                    return rental
            raise

    def launch(
        self,
        location_id: str,
        name: str,
        *,
        gpu_count: int,
        network_type: str,
        organization_ssh_keys: str | Iterable[str] = "none",
        ssh_keys: Iterable[str] = (),
        sub_order: str | None = None,
        storage_id: str | None = None,
        cloud_init: Mapping[str, Any] | Secret | None = None,
        tags: Iterable[str] = (),
    ) -> Deployment:
        """Rent `gpu_count` GPUs (a multiple of 8: whole nodes); it costs from now on.

        `network_type` is "infiniband" or "ethernet"; `storage_id` a volume to attach; the rest as for
        `VirtualMachines.launch`. Machines of one `sub_order` reach only each other. Raises `NoCapacity`,
        `InsufficientFunds`, `OutcomeUnknown`.
        """
        cloud_init = hidden(cloud_init)
        body = given(
            location_id=location_id,
            gpu_count=gpu_count,
            name=name,
            organization_ssh_keys=keys_from_organization(organization_ssh_keys),
            ssh_keys=[*ssh_keys],
            network_type=network_type,
            sub_order=sub_order,
            storage_id=storage_id,
            cloudinit_script=cloud_init,
        )
        return self._launch("bare-metal/", _Rented, body, tags, self.list)

    def update(self, id: str, *, name: str | None = None, tags: Iterable[str] | None = None) -> Labels:
        """Rename a rental or replace its tags; what is None stays."""
        body = given(name=name, tags=None if tags is None else [*tags])
        return self._change("PATCH", route("bare-metal", id), Labels, body=body)

    def start(self, id: str) -> None:
        """Power all nodes on."""
        self._change("PUT", route("bare-metal", id, "power-status"), body={"status": "started"})

    def stop(self, id: str) -> None:
        """Power all nodes off; the rental bills in full all the same."""
        self._change("PUT", route("bare-metal", id, "power-status"), body={"status": "stopped"})

    def reboot(self, id: str, public_ips: Iterable[str]) -> None:
        """Reboot the nodes with these addresses; the rental is Pending until they are back."""

        def done(failure: VoltageParkError) -> None:
            if self.get(id).status != "Pending":
                raise failure

        path, body = route("bare-metal", id, "reboot"), {"public_ips": [*public_ips]}
        self._change("POST", path, body=body, done=done)

    def remove_nodes(self, id: str, public_ips: Iterable[str]) -> None:
        """Give the nodes with these addresses back; what is on them is gone."""
        addresses = [*public_ips]

        def done(failure: VoltageParkError) -> None:
            if any(node.public_ip in addresses for node in self.get(id).node_networking):
                raise failure

        path, body = route("bare-metal", id, "remove-nodes"), {"public_ips": addresses}
        self._change("PATCH", path, body=body, done=done)

    def delete(self, id: str) -> None:
        """Terminate a rental; what is on its nodes is gone, an attached volume stays."""
        self._change("DELETE", route("bare-metal", id), done=gone)

    def wait(
        self,
        id: str,
        *,
        status: str = "Running",
        timeout: float = 3600,
        poll: float = 10,
        progress: Callable[[Rental], None] | None = None,
    ) -> Rental:
        """Wait until a rental has a status; see `resource.wait_until`."""
        return wait_until(status, lambda: self.get(id), timeout=timeout, poll=poll, progress=progress)
