"""Commands that show machines: ls, show."""

from __future__ import annotations

import importlib
from argparse import Namespace
from typing import Any

from ..api import Machine, together
from ..api.machines import total_rate
from ..api.records import VirtualMachine
from ..cards import Card
from ..formats import burn_rate, moment, number, rate, span
from ..session import Session
from .grammar import MACHINE, arg, command

GROUP = "Machines"


@command("ls", arg("--tag", help="only machines with this tag"), group=GROUP)
def ls(session: Session, args: Namespace) -> Any:
    """VMs and rentals together: what runs, where, and what it costs per hour."""
    # The first listing of a kernel imports pandas, while the service answers.
    everything, listings = together(
        session.machines, lambda: importlib.import_module("..listings", __package__)
    )
    machines = [one for one in everything if args.tag in (None, *one.record.tags)]
    caption = (
        f"{len(machines)} machine{'s'[: len(machines) != 1]}, {burn_rate(total_rate(machines))} together."
    )
    if not machines:
        caption = (
            f"No machine has the tag {args.tag}." if args.tag else "No machines: %vp prices, %vp launch."
        )
    return listings.machines(machines, session.client.now(), caption=caption)


@command("show", MACHINE, group=GROUP)
def show(session: Session, args: Namespace) -> Any:
    """One machine with all that is known of it."""
    return card(session, session.client.machines.get(session.machine(args.machine)))


def card(session: Session, machine: Machine) -> Card:
    """A machine's facts. A kubeconfig is a credential and is not among them."""
    record = machine.record
    facts = {
        "kind": {"vm": "virtual machine", "metal": "bare-metal rental"}[machine.kind],
        "status": machine.status,
        "cost": rate(machine.rate_hourly),
        "if released": rate(machine.released_rate_hourly) if machine.released_rate_hourly is not None else "",
        "GPUs": f"{machine.gpus} × {machine.gpu_model}" if machine.gpus else "",
        "addresses": ", ".join(f"{host}:{port}" for host, port in machine.endpoints),
        "created": moment(machine.created),
        "age": span(session.client.now() - machine.created) if machine.created else "",
        "tags": ", ".join(machine.tags),
    }
    if isinstance(record, VirtualMachine):
        has = record.resources
        facts |= {
            "system": record.operating_system or "",
            "vCPU": number(has.vcpu_count),
            "RAM": f"{number(has.ram_gb)} GB",
            "disk": f"{number(has.storage_gb)} GB",
            "port forwards": ", ".join(
                f"{f.internal_port} at {f.external_port}" for f in record.port_forwards
            ),
            "hostnode": record.hostnode_id or "",
        }
    else:
        facts |= {
            "network": record.network_type or "",
            "nodes": number(record.node_count),
            "login": record.username or "",
            "private addresses": ", ".join(node.private_ip or "" for node in record.node_networking),
            "volume": record.storage_id or "",
            "Kubernetes cluster": record.k8s_cluster_id or "",
        }
    return Card(machine.label, {**facts, "id": machine.id})
