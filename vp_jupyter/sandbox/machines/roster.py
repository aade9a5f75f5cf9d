"""Which machines there are, which of them are up, and where they are to answer: read from the cloud."""

import errno
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from ipaddress import ip_address
from typing import Any

from vp_jupyter.sandbox.catalog import Node
from vp_jupyter.sandbox.cloud import Cloud
from vp_jupyter.sandbox.machines.addresses import LOOPBACK, SSH_PORT, Address, settle_node
from vp_jupyter.sandbox.refusals import Conflict
from vp_jupyter.sandbox.vms import VM


@dataclass(frozen=True)
class Machine:
    """A virtual machine or a node of a rental, as whoever runs it must know it."""

    id: str
    name: str
    login: str
    authorized_keys: tuple[str, ...]
    password: str | None
    cloud_init: Mapping[str, Any] | None
    boot: datetime | None  # when it came up; None: it is not up
    ports: Mapping[Address, int]  # its ports, by where they are to answer
    move: Callable[[Address], OSError | None]  # away from an address that is taken; or the reason why not


def machines(cloud: Cloud) -> Iterator[Machine]:
    """All that ssh could reach. Windows has none."""
    now = cloud.now()
    for vm in cloud.vms.all():
        if vm.login_port == SSH_PORT:
            yield Machine(
                id=f"vm-{vm.id}",
                name=vm.name,
                login="user",
                authorized_keys=vm.authorized_keys,
                password=vm.password,
                cloud_init=vm.cloud_init,
                boot=vm.ready if vm.status(now) == "Running" else None,
                ports={Address(LOOPBACK, external): internal for internal, external in vm.forwards.items()},
                move=partial(_move_port, vm),
            )
    for rental in cloud.rentals.all():
        up = rental.power == "Running" and not rental.pending(now)
        for node in rental.nodes:
            yield Machine(
                id=f"node-{rental.id}-{node.private_ip}",
                name=f"{rental.name}-{node.private_ip.rpartition('.')[2]}",
                login=rental.username,
                authorized_keys=rental.authorized_keys,
                password=None,
                cloud_init=rental.cloud_init,
                boot=rental.ready if up else None,
                ports={Address(node.public_ip, SSH_PORT): SSH_PORT} if _is_here(node) else {},
                move=partial(_move_node, node),
            )


def _is_here(node: Node) -> bool:
    return ip_address(node.public_ip).is_loopback


def _move_node(node: Node, taken: Address) -> OSError | None:
    return settle_node(node)


def _move_port(vm: VM, taken: Address) -> OSError | None:
    hostnode = vm.hostnode
    internal = next(internal for internal, external in vm.forwards.items() if external == taken.port)
    try:
        vm.forwards[internal] = hostnode.forward()
    except Conflict:
        return OSError(errno.EADDRINUSE, "all ports of its hostnode are taken")
    hostnode.forwarded.discard(taken.port)
    return None
