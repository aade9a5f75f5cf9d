"""Virtual machines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .address import route
from .records import Deployment, Labels, PortForward, PowerStatus, Record, VirtualMachine
from .resource import Resource, given, gone, hidden, keys_from_organization, wait_until
from .secret import Secret


class _Launched(Record, frozen=True, kw_only=True):
    vm_id: str

    @property
    def deployment(self) -> Deployment:
        return Deployment(id=self.vm_id)


class VirtualMachines(Resource):
    """``/virtual-machines``"""

    def list(self) -> list[VirtualMachine]:
        """Every VM that has not been terminated."""
        return self._pages("virtual-machines/", VirtualMachine)

    def get(self, id: str) -> VirtualMachine:
        """One VM."""
        return self._read(route("virtual-machines", id), VirtualMachine)

    def launch(
        self,
        preset_id: str,
        name: str,
        *,
        organization_ssh_keys: str | Iterable[str] = "none",
        ssh_keys: Iterable[str] = (),
        password: str | Secret | None = None,
        cloud_init: Mapping[str, Any] | Secret | None = None,
        tags: Iterable[str] = (),
    ) -> Deployment:
        """Deploy a VM from a preset; it costs from now on.

        `organization_ssh_keys` is "all", "none" or ids of keys; `ssh_keys` are further public keys as text.
        `cloud_init` has `packages`, `write_files` and `runcmd`; it and the password may be `Secret`s. However
        the network behaves, it is one machine (see `Resource._launch`). Raises `NoCapacity`,
        `InsufficientFunds`, `OutcomeUnknown`.
        """
        password, cloud_init = hidden(password), hidden(cloud_init)
        body = given(
            config_id=preset_id,
            name=name,
            password=password,
            organization_ssh_keys=keys_from_organization(organization_ssh_keys),
            ssh_keys=[*ssh_keys],
            cloud_init=cloud_init,
        )
        return self._launch("virtual-machines/instant", _Launched, body, tags, self.list)

    def update(self, id: str, *, name: str | None = None, tags: Iterable[str] | None = None) -> Labels:
        """Rename a VM or replace its tags; what is None stays."""
        body = given(name=name, tags=None if tags is None else [*tags])
        return self._change("PATCH", route("virtual-machines", id), Labels, body=body)

    def start(self, id: str) -> PowerStatus:
        """Start a stopped VM; a released one needs free GPUs on its hostnode (`NoCapacity` otherwise)."""
        return self._power(id, "started")

    def stop(self, id: str, *, release: bool = False) -> PowerStatus:
        """Stop a VM. It bills in full as long as it keeps its GPUs; with `release` it gives them up and bills
        its storage only, and it can start again only where GPUs are free."""
        return self._power(id, "stopped_disassociated" if release else "stopped")

    def delete(self, id: str) -> None:
        """Terminate a VM; what is on it is gone."""
        self._change("DELETE", route("virtual-machines", id), done=gone)

    def relocate(self, id: str) -> None:
        """Move a released VM to a hostnode that has room."""
        self._change("POST", route("virtual-machines", id, "relocate"))

    def forward(self, id: str, internal_port: int, external_port: int | None = None) -> PortForward:
        """Make a port of the VM reachable from outside; the service chooses where it is None."""
        body = given(internal_port=internal_port, external_port=external_port)

        def look() -> PortForward | None:
            made = (one for one in self.get(id).port_forwards if one.internal_port == internal_port)
            return next(made, None)

        path, what = route("virtual-machines", id, "port-forward"), f"a forward of port {internal_port}"
        return self._create(path, PortForward, body=body, look=look, what=what)

    def unforward(self, id: str, internal_port: int) -> None:
        """Take a port forward away."""
        body = {"internal_port": internal_port}
        path = route("virtual-machines", id, "port-forward")
        self._change("DELETE", path, body=body, done=gone)

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
        return self._change("PUT", path, PowerStatus, body={"status": status})
