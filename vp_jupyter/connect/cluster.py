"""Machines as one Dask cluster: distributed's scheduler and workers, started over ssh."""

from __future__ import annotations

import shlex
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import islice
from typing import NamedTuple

from ..api.errors import ConnectionFailed
from .extra import need
from .failures import last_line
from .kept import Kept
from .links import Link
from .remote import Program, close_all, output
from .tunnels import LOOPBACK, Tunnel, free_ports, shares_loopback

_PATIENCE = 60.0  # seconds for a scheduler, and then for all workers

#: distributed's settings of what proves that somebody belongs to the cluster, by the field of its `Security`.
_CREDENTIALS = {
    "tls_ca_file": "CA_FILE",
    **{
        f"tls_{role}_{part}": f"{role.upper()}__{part.upper()}"
        for role in ("scheduler", "worker", "client")
        for part in ("key", "cert")
    },
}


class Node(NamedTuple):
    """A machine of the cluster: the connection to it, its Python, how many GPUs it has (0: none)."""

    link: Link
    python: str
    gpus: int

    @property
    def workers(self) -> int:
        """One for each GPU, or one."""
        return self.gpus or 1

    @property
    def dask(self) -> str:
        """The beginning of Dask's commands there, in words for a shell."""
        return f"{shlex.quote(self.python)} -m distributed.cli.dask"


class Cluster:
    """A scheduler on the first node and workers on all of them, until it is closed or this process ends.

    `client` is distributed's client of it. All that they say to each other is encrypted, and they take
    nothing from anybody who has not the cluster's own key: whoever can speak to a Dask scheduler can run
    programs. Nodes of one rental (`one_rental`) use its private network. Machines that have nothing in common
    but this computer reach each other through it, over ssh. Raises `ConnectionFailed` with the last thing
    that was said where something does not come up, `Conflict` where distributed is not installed.
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        *,
        one_rental: bool = False,
        progress: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._distributed = need("distributed", "%vp dask")
        need("cryptography", "%vp dask")
        self.nodes = list(nodes)
        self.workers = sum(node.workers for node in nodes)
        self._programs: list[Program] = []
        self._open = ExitStack()
        self._security = self._distributed.Security.temporary()
        try:
            self._start(one_rental, progress)
        except BaseException:
            self.close()
            raise

    def _start(self, one_rental: bool, progress: Callable[[str], None]) -> None:
        scheduler, dashboard, *ports = free_ports(2 + 2 * self.workers)
        own = list(zip(ports[::2], ports[1::2], strict=True))  # a worker's, and its nanny's
        hosts, local, local_dashboard = self._connect(one_rental, scheduler, dashboard, own)
        progress("starting the scheduler")
        up = threading.Event()
        command = (
            f"{self.nodes[0].dask}_scheduler --protocol tls "
            f"--host {hosts[0]} --port {scheduler} --dashboard-address {LOOPBACK}:{dashboard}"
        )
        self._run(self.nodes[0], [command], lambda _, text: up.set() if "Scheduler at" in text else None)
        self._until(lambda: up.wait(0.1), "the scheduler")
        free = iter(own)
        for host, node in zip(hosts, self.nodes, strict=True):
            self._run(
                node,
                [
                    (f"CUDA_VISIBLE_DEVICES={index} " if node.gpus else "")
                    + f"{node.dask}_worker tls://{hosts[0]}:{scheduler} --protocol tls --host {host} "
                    f"--worker-port {port} --nanny-port {nanny} --name {node.link.target.alias}-{index} "
                    f"--no-dashboard --death-timeout 60 --memory-limit {1 / node.workers}"
                    + (" --nthreads 1" if node.gpus else "")
                    for index, (port, nanny) in enumerate(islice(free, node.workers))
                ],
            )
        progress(f"starting {self.workers} workers")
        self.client = self._distributed.Client(
            f"tls://{LOOPBACK}:{local}", security=self._security, timeout=_PATIENCE
        )
        self._until(lambda: len(self.client.scheduler_info(-1)["workers"]) == self.workers, "the workers")
        self.dashboard = f"http://{LOOPBACK}:{local_dashboard}/status"

    def close(self) -> None:
        """End all of it, here and on the machines."""
        client = getattr(self, "client", None)
        if client is not None:
            client.close()
        close_all(self._programs)
        self._programs.clear()
        self._open.close()

    @property
    def runs(self) -> bool:
        """Whether the scheduler is there."""
        return bool(self._programs) and self._programs[0].runs

    def _connect(
        self, one_rental: bool, scheduler: int, dashboard: int, own: Sequence[tuple[int, int]]
    ) -> tuple[list[str], int, int]:
        """Make all of them reach each other, and us the scheduler and its dashboard.

        Gives the address at which each node serves, and where on this computer scheduler and dashboard are.
        """
        targets = [node.link.target for node in self.nodes]
        if all(shares_loopback(node.link) for node in self.nodes):
            return [LOOPBACK] * len(targets), scheduler, dashboard
        private = [target.private for target in targets if target.private and not target.on_this_computer]
        if one_rental and len(private) == len(targets):
            ssh = self.nodes[0].link.ssh
            tunnels = [
                Tunnel(ssh, targets[0], scheduler, to=private[0]),
                Tunnel(ssh, targets[0], dashboard, to=LOOPBACK),
            ]
            for tunnel in tunnels:
                self._open.callback(tunnel.close)
            return private, tunnels[0].local_port, tunnels[1].local_port
        self._mesh(scheduler, dashboard, own)
        return [LOOPBACK] * len(targets), scheduler, dashboard

    def _mesh(self, scheduler: int, dashboard: int, own: Sequence[tuple[int, int]]) -> None:
        """Every port of the cluster on every machine's loopback, through this computer's."""
        ports_of: list[list[int]] = []
        free = iter(own)
        for node in self.nodes:
            ports_of.append([port for pair in islice(free, node.workers) for port in pair])
        ports_of[0] += [scheduler, dashboard]

        def forwards(node: int) -> list[str]:
            words = []
            for owner, ports in enumerate(ports_of):
                for port in ports:
                    words += ["-L" if owner == node else "-R", f"{LOOPBACK}:{port}:{LOOPBACK}:{port}"]
            return words

        for index, node in enumerate(self.nodes):
            kept = Kept(node.link.ssh, node.link.target, *forwards(index), ExitOnForwardFailure="yes")
            self._open.callback(kept.close)

    def _run(
        self,
        node: Node,
        commands: Sequence[str],
        heard: Callable[[str, str], None] = lambda stream, text: None,
    ) -> None:
        """Start Dask's commands on a node, as one program: ssh servers allow few at a time."""
        # The credentials are a part of what the machine reads, and of no command line that others there see.
        lines = ["export DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION=True"]
        for field, name in _CREDENTIALS.items():
            value = shlex.quote(getattr(self._security, field))
            lines.append(f"export DASK_DISTRIBUTED__COMM__TLS__{name}={value}")
        lines += [f"{command} &" for command in commands]
        lines.append("wait")
        self._programs.append(Program(node.link, "\n".join(lines), heard=heard))

    def _until(self, is_so: Callable[[], bool], what: str) -> None:
        """Wait until it is so, while all that was started runs."""
        deadline = time.monotonic() + _PATIENCE
        while not is_so():
            for program in self._programs:
                if not program.runs:
                    program.wait()
                    raise ConnectionFailed(
                        f"A Dask process on {program.link.target.label} ended: "
                        f"{last_line(program.tail) or 'it says nothing'}."
                    )
            if time.monotonic() > deadline:
                said = " · ".join(filter(None, (last_line(program.tail) for program in self._programs)))
                raise ConnectionFailed(f"After {_PATIENCE:g} s {what} did not come up: {said[-500:]}.")
            time.sleep(0.05)


def gpu_count(link: Link) -> int:
    """How many GPUs a machine has, as its driver says."""
    _, said, _ = output(link, "nvidia-smi -L 2>/dev/null | grep -c '^GPU'")
    words = said.split()
    return int(words[-1]) if words and words[-1].isdigit() else 0
