"""Commands that make machines one: dask, torchrun."""

from __future__ import annotations

import secrets
import shlex
from argparse import REMAINDER, Namespace
from pathlib import Path
from typing import Any

from ..api import Conflict, Machine, together
from ..cards import Card, Note
from ..connect import Link, copying
from ..connect.cluster import Cluster, Node, gpu_count
from ..connect.extra import need
from ..connect.versions import SAME_GENERATION, SAME_RELEASE, Python, differences, here, remedy, there
from ..reach import word
from ..refused import Refused
from ..session import Session
from .connect import USER
from .dialogue import Progress, offer_cell
from .grammar import MACHINE, arg, command

GROUP = "Scale out"

_PACKAGES = (*SAME_RELEASE, *SAME_GENERATION)
_RENDEZVOUS_PORT = 29500  # torchrun's own default


@command(
    "dask",
    arg("machines", nargs="*", metavar="machine", live="machines", help="VMs, or a rental for all its nodes"),
    arg("--interpreter", help="the Python there (default: VP.remote_python)"),
    arg("--as", dest="name", default="client", metavar="VAR", help="the variable of its client (client)"),
    arg("--stop", action="store_true", help="end the cluster"),
    USER,
    group=GROUP,
)
def dask(session: Session, args: Namespace) -> Any:
    """Make machines one Dask cluster: a worker for each GPU, or for each machine, and its `client` here.

    It ends with %vp dask --stop, or with this notebook; the machines go on.
    """
    reach = session.reach
    if args.stop:
        if reach.cluster is None:
            raise Refused("There is no Dask cluster of this notebook.")
        size = len(reach.cluster.nodes)
        reach.cluster.close()
        reach.cluster = None
        return Note(f"The Dask cluster has ended; its {size} machines go on, and cost what they do.")
    if not args.machines:
        if reach.cluster is None:
            raise Refused("Which machines? %vp dask NAME [NAME …].")
        return _card(reach.cluster, "as before")
    if reach.cluster is not None and reach.cluster.runs:
        raise Refused("There is a Dask cluster of this notebook already: %vp dask --stop ends it.")
    if reach.cluster is not None:  # its machines have ended, or are out of reach
        reach.cluster.close()
        reach.cluster = None
    distributed = need("distributed", "%vp dask")
    variables = session.variables
    if not args.name.isidentifier():
        raise Refused(f"{args.name!r} is no name of a variable.")
    if not isinstance(variables.get(args.name), distributed.Client | None):
        raise Refused(
            f"There is something else in {args.name} already: --as NAME puts Dask's client elsewhere."
        )
    machines = list({one.id: one for one in map(session.machine, args.machines)}.values())
    links = [reach.link(target) for one in machines for target in reach.targets(one, user=args.user)]
    progress = Progress()
    progress("Dask: comparing versions")
    nodes = _nodes(links, args.interpreter or session.settings.remote_python, machines)
    one_rental = len(machines) == 1 and machines[0].kind == "metal"
    cluster = Cluster(nodes, one_rental=one_rental, progress=lambda word: progress(f"Dask: {word}"))
    progress("Dask: up")
    reach.cluster = cluster
    variables[args.name] = cluster.client
    return _card(cluster, f"{args.name}, a distributed.Client")


def _nodes(links: list[Link], interpreter: str, machines: list[Machine]) -> list[Node]:
    """What runs where. Raises `Conflict` with the differences where versions would clash."""
    ours = here(_PACKAGES)

    def look(link: Link) -> tuple[Python, int]:
        return there(link, interpreter, _PACKAGES), gpu_count(link)

    seen = together(*((lambda link=link: look(link)) for link in links))
    clashes = [
        f"{link.target.label} has {', '.join(found)}"
        for link, (python, _) in zip(links, seen, strict=True)
        if (found := differences(ours, python))
    ]
    if clashes:
        raise Conflict(
            f"Dask needs the same versions everywhere: {'; '.join(clashes)}. This cell makes them so, and "
            "--interpreter ~/vp-env/bin/python uses them:\n\n"
            f"{remedy(ours, [word(one) for one in machines])}"
        )
    return [Node(link, python.executable, gpus) for link, (python, gpus) in zip(links, seen, strict=True)]


def _card(cluster: Cluster, client: str) -> Card:
    gpus = sum(node.gpus for node in cluster.nodes)
    machines = ", ".join(node.link.target.label for node in cluster.nodes)
    return Card(
        f"Dask on {machines}",
        {
            "workers": f"{cluster.workers}{', one for each GPU' if gpus else ''}",
            "client": client,
            "dashboard": cluster.dashboard,
        },
        note="%vp dask --stop ends it.",
    )


@command(
    "torchrun",
    MACHINE,
    arg("script", help="a Python file of this computer, which is copied there, or one of the machine"),
    arg("arguments", nargs=REMAINDER, help="the script's own"),
    group=GROUP,
)
def torchrun(session: Session, args: Namespace) -> Any:
    """Put a cell below that starts torchrun on every node of a machine, with a process for each GPU."""
    machine = session.machine(args.machine)
    reach = session.reach
    targets = reach.targets(machine)
    script = Path(args.script).expanduser()
    copied = ""
    if script.is_file():
        links = [reach.link(target) for target in targets]
        together(*((lambda link=link: copying.copy(link, [str(script)], "", upload=True)) for link in links))
        copied = f"{script.name} is in the home of {machine.label} now. "
    first = targets[0]
    if len(targets) > 1 and first.private is None:
        raise Conflict(f"The service names no private address for the nodes of {machine.label}.")
    words = ["torchrun", f"--nproc-per-node={max((machine.gpus or 0) // len(targets), 1)}"]
    if len(targets) == 1:
        words.append("--standalone")
    else:
        words += [
            f"--nnodes={len(targets)}",
            f"--rdzv-id={secrets.token_hex(4)}",
            "--rdzv-backend=c10d",
            f"--rdzv-endpoint={first.private}:{_RENDEZVOUS_PORT}",
        ]
    words += [script.name if copied else args.script, *args.arguments]
    offer_cell(f"%%vp run {word(machine)}{' --all-nodes' if len(targets) > 1 else ''}\n{shlex.join(words)}")
    return Note(f"{copied}The cell below starts torchrun on {len(targets)} node{'s'[: len(targets) - 1]}.")
