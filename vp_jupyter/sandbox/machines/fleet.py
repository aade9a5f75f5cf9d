"""The machines of a sandbox, answering ssh: they follow what the cloud says of them."""

import asyncio
import logging
import shutil
import socket
import sys
import tempfile
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from vp_jupyter.sandbox.cloud import Cloud
from vp_jupyter.sandbox.machines import confinement
from vp_jupyter.sandbox.machines.addresses import LOOPBACK, Address, listen, obstacle, settle_node
from vp_jupyter.sandbox.machines.box import Box, Failed, new_host_key
from vp_jupyter.sandbox.machines.disk import Disk
from vp_jupyter.sandbox.machines.relay import relay
from vp_jupyter.sandbox.machines.roster import Machine, machines

_PAUSE = 0.2  # seconds between two looks at the simulated time; a request looks too
_log = logging.getLogger("vp_jupyter.sandbox")


@dataclass
class _Up:
    """A machine that is up: since when, its processes, what listens for it, and who is connected."""

    boot: datetime
    box: Box
    doors: dict[Address, socket.socket] = field(default_factory=dict)
    visits: set[asyncio.Task[None]] = field(default_factory=set)

    def keep(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that ends when the machine does."""
        task = asyncio.get_running_loop().create_task(work)
        self.visits.add(task)
        task.add_done_callback(self.visits.discard)


class Fleet:
    """Listens for every machine that is up and only for those, and has the processes of each.

    All of it happens in the event loop that `open` was called in. A machine's disk lives as long as it does,
    or until `close`; its host key as long as this object.
    """

    def __init__(self, cloud: Cloud, *, unconfined: bool = False) -> None:
        self._cloud = cloud
        self._unconfined = unconfined
        self._host_keys: dict[str, str] = {}
        self._disks: dict[str, Disk] = {}
        self._up: dict[str, _Up] = {}
        self._scratch: Path | None = None
        self._clock: asyncio.Task[None] | None = None
        self._no_nodes: OSError | None = None  # why nodes of rentals cannot be answered for
        self._given_up: set[Address] = set()

    def remarks(self) -> list[str]:
        """What this computer does not let the machines do, in sentences."""
        if reason := _silence():
            return [f"The machines of this sandbox do not answer ssh: {reason}."]
        said = []
        try:
            confinement.require()
        except confinement.Unconfinable as unable:
            said.append(
                f"The programs of this sandbox's machines run as you do, not confined: {unable}."
                if self._unconfined
                else "The machines of this sandbox answer ssh but run nothing, for their programs cannot be "
                f"confined on this computer: {unable}. With --unconfined-machines they run as you do."
            )
        if self._no_nodes is not None:
            reason = self._no_nodes.strerror
            if isinstance(self._no_nodes, PermissionError) and sys.platform == "linux":
                reason = f"{reason}; as root, sysctl net.ipv4.ip_unprivileged_port_start=22 allows it"
            said.append(
                "The nodes of bare-metal rentals do not answer ssh, and their addresses lead nowhere: their "
                f"port 22 cannot be had on this computer ({reason}). Virtual machines answer."
            )
        return said

    def open(self) -> None:
        """Begin to answer."""
        answers = _silence() is None
        self._no_nodes = None
        with self._cloud.lock:
            for location in self._cloud.catalog.locations.values():
                for node in location.nodes:
                    self._no_nodes = settle_node(node, answers=answers) or self._no_nodes
            for hostnode in self._cloud.catalog.hostnodes.values():
                hostnode.usable = _usable
        if answers:
            self._scratch = Path(tempfile.mkdtemp(prefix="vp-sandbox-"))
            self._clock = asyncio.get_running_loop().create_task(self._watch())
            self.settle()

    async def close(self) -> None:
        """End every machine, and remove what was theirs."""
        if self._clock is None or self._scratch is None:
            return
        self._clock.cancel()
        tasks = [self._clock, *(task for id in [*self._up] for task in self._down(id))]
        self._clock = None
        await asyncio.gather(*tasks, return_exceptions=True)
        for id in [*self._disks]:
            self._disks.pop(id).remove()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def settle(self) -> None:
        """Make what listens and runs agree with what the cloud says now."""
        if self._clock is None:
            return
        with self._cloud.lock:
            there = {machine.id: machine for machine in machines(self._cloud)}
            for id, up in [*self._up.items()]:
                if id not in there or there[id].boot != up.boot:
                    self._down(id)
            for id in self._disks.keys() - there.keys():
                self._disks.pop(id).remove()
            moved = [self._listen(machine) for machine in there.values() if machine.boot is not None]
        if any(moved):
            self.settle()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_PAUSE)
            self.settle()

    def _listen(self, machine: Machine) -> bool:
        """Listen for a machine that is up, wherever it is to answer; tells whether it has moved instead."""
        up = self._up.get(machine.id) or self._bring_up(machine)
        for address in up.doors.keys() - machine.ports.keys():
            _shut(up.doors.pop(address))
        moved = False
        for address, port in machine.ports.items():
            if address in up.doors or address in self._given_up:
                continue
            try:
                listening = listen(address)
            except OSError as taken:
                reason = machine.move(address)
                moved = True
                if reason is not None:
                    self._given_up.add(address)
                    _log.warning("%s does not answer at %s:%s: %s.", machine.name, *address, taken.strerror)
            else:
                up.doors[address] = listening
                asyncio.get_running_loop().add_reader(listening, self._admit, machine.id, up, listening, port)
        return moved

    def _bring_up(self, machine: Machine) -> _Up:
        assert self._scratch is not None
        assert machine.boot is not None
        if machine.id not in self._disks:
            self._disks[machine.id] = Disk(self._scratch, machine)
        disk = self._disks[machine.id]
        box = Box(machine, disk, partial(self._host_key, machine.id), unconfined=self._unconfined)
        up = self._up[machine.id] = _Up(machine.boot, box)
        if disk.first_script is not None:
            up.keep(_first_start(box))
        return up

    def _host_key(self, id: str) -> str:
        if id not in self._host_keys:
            self._host_keys[id] = new_host_key()
        return self._host_keys[id]

    def _down(self, id: str) -> list[asyncio.Task[None]]:
        """Close a machine's doors and end its processes; gives the tasks that end by that."""
        up = self._up.pop(id)
        for listening in up.doors.values():
            _shut(listening)
        for visit in up.visits:
            visit.cancel()
        up.box.end()
        return [*up.visits]

    def _admit(self, id: str, up: _Up, listening: socket.socket, port: int) -> None:
        """Somebody is at the door."""
        try:
            client, _ = listening.accept()
        except OSError:  # and has left again
            return
        self.settle()  # the simulated time may have passed over it
        if self._up.get(id) is up:
            client.setblocking(False)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            up.keep(_visit(up.box, client, port))
        else:
            client.close()


async def _visit(box: Box, client: socket.socket, port: int) -> None:
    with client:
        try:
            inside = await box.connect(port)
        except Failed as failed:
            return _log.warning("%s", failed)
        with inside:
            await relay(client, inside)


async def _first_start(box: Box) -> None:
    with suppress(Failed):  # whoever connects will try again, and hear of it
        await box.start()


def _shut(listening: socket.socket) -> None:
    asyncio.get_running_loop().remove_reader(listening)
    listening.close()


def _usable(port: int) -> bool:
    return obstacle(Address(LOOPBACK, port)) is None


def _silence() -> str | None:
    """Why no machine answers ssh, if so."""
    if sys.platform == "win32":
        return "on Windows they cannot"
    if find_spec("asyncssh") is None:
        return 'asyncssh is not installed (pip install "vp_jupyter[demo]")'
    return None
