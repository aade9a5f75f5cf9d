"""Addresses of this computer that the sandbox's machines answer at."""

import socket
from typing import NamedTuple

from vp_jupyter.sandbox.catalog import Node

SSH_PORT = 22
LOOPBACK = "127.0.0.1"
# The second number of the 127.x.y.z that a node may have: another sandbox may have the first of them.
_BLOCKS = range(20, 30)


class Address(NamedTuple):
    """Where something listens."""

    host: str
    port: int


def listen(address: Address) -> socket.socket:
    """A socket that listens there; raises `OSError` where that cannot be."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening


def obstacle(address: Address) -> OSError | None:
    """Why nothing of ours can listen there now; None where it can."""
    try:
        listen(address).close()
    except OSError as refused:
        return refused
    return None


def settle_node(node: Node, *, answers: bool = True) -> OSError | None:
    """Give a node an address where its ssh can be answered; where there is none, the reason comes back.

    Then, or where it is not to answer, its address is one that leads nowhere: at one of this computer
    somebody else might answer, such as its own ssh server.
    """
    place, number = map(int, node.private_ip.split(".")[2:])
    first: OSError | None = None
    for block in _BLOCKS if answers else ():
        address = Address(f"127.{block}.{place}.{number}", SSH_PORT)
        refused = obstacle(address)
        if refused is None:
            node.public_ip = address.host
            return None
        first = first or refused
    # TEST-NET-1 (RFC 5737) is no network. Fewer than 50 nodes are in one place.
    node.public_ip = f"192.0.2.{(place - 1) * 50 + number}"
    return first
