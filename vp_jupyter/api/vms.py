"""Virtual machines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .address import route
from .records import Deployment, Labels, PortForward, PowerStatus, Record, VirtualMachine
from .resource import Resource, given, keys_from_organization, wait_until


class _Launched(Record, frozen=True, kw_only=True):
    vm_id: str


class VirtualMachines(Resource):
    """``/virtual-machines``"""

    def list(self) -> list[VirtualMachine]:
        """Every VM that has not been terminated."""
        return self._pages("virtual-machines/", VirtualMachine)

    def get(self, id: str) -> VirtualMachine:
        """One VM."""
        return self._call("GET", route("virtual-machines", id), VirtualMachine)

    def launch(
        self,
        preset_id: str,
        name: str,
        *,
        organization_ssh_keys: str | Iterable[str] = "none",
        ssh_keys: Iterable[str] = (),
        password: str | None = None,
        cloud_init: Mapping[str, Any] | None = None,
        tags: Iterable[str] = (),
    ) -> Deployment:
        """Deploy a VM from a preset; it costs from now on.

        `organization_ssh_keys` is "all", "none" or ids of keys; `ssh_keys` are further public keys as text.
        `cloud_init` has `packages`, `write_files` and `runcmd`. Raises `NoCapacity`, `InsufficientFunds`.
        """
        body = given(
            config_id=preset_id,
            name=name,
            password=password,
            organization_ssh_keys=keys_from_organization(organization_ssh_keys),
            ssh_keys=[*ssh_keys],
            cloud_init=cloud_init,
            tags=[*tags],
        )
        launched = self._call("POST", "virtual-machines/instant", _Launched, body=body)
        return Deployment(id=launched.vm_id)

    def update(self, id: str, *, name: str | None = None, tags: Iterable[str] | None = None) -> Labels:
        """Rename a VM or replace its tags; what is None stays."""
        body = given(name=name, tags=None if tags is None else [*tags])
        return self._call("PATCH", route("virtual-machines", id), Labels, body=body)

    def start(self, id: str) -> PowerStatus:
        """Start a stopped VM; a released one needs free GPUs on its hostnode (`NoCapacity` otherwise)."""
        return self._power(id, "started")

    def stop(self, id: str, *, release: bool = False) -> PowerStatus:
        """Stop a VM. It bills in full as long as it keeps its GPUs; with `release` it gives them up and bills
        its storage only, and it can start again only where GPUs are free."""
        return self._power(id, "stopped_disassociated" if release else "stopped")

    def delete(self, id: str) -> None:
        """Terminate a VM; what is on it is gone."""
        self._call("DELETE", route("virtual-machines", id))

    def relocate(self, id: str) -> None:
        """Move a released VM to a hostnode that has room."""
        self._call("POST", route("virtual-machines", id, "relocate"))

    def forward(self, id: str, internal_port: int, external_port: int | None = None) -> PortForward:
        """Make a port of the VM reachable from outside; the service chooses where it is None."""
        body = given(internal_port=internal_port, external_port=external_port)
        return self._call("POST", route("virtual-machines", id, "port-forward"), PortForward, body=body)

    def unforward(self, id: str, internal_port: int) -> None:
        """Take a port forward away."""
        body = {"internal_port": internal_port}
        self._call("DELETE", route("virtual-machines", id, "port-forward"), body=body)

    def wait(
        self,
        id: str,
        *,
        status: str = "Running",
        timeout: float = 900,
        poll: float = 3,
        progress: Callable[[VirtualMachine], None] | None = None,
    ) -> VirtualMachine:
        """Wait until a VM has a status; see `resource.wait_until`."""
        return wait_until(status, lambda: self.get(id), timeout=timeout, poll=poll, progress=progress)

    def _power(self, id: str, status: str) -> PowerStatus:
        path = route("virtual-machines", id, "power-status")
        return self._call("PUT", path, PowerStatus, body={"status": status})
