"""Commands that connect: ssh, tunnel, tunnels, cp, kubeconfig, kernel."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ..api import NotFound
from ..api.naming import pick
from ..api.records import Rental
from ..cards import Note, Plain
from ..connect import copying, kernels
from ..connect.config import Config, safe_name
from ..connect.files import write
from ..connect.tunnels import LOOPBACK, Tunnel
from ..formats import escaped, plain
from ..refused import Refused
from ..session import Session
from ..views import Column, Table
from .dialogue import Progress, offer_cell
from .grammar import MACHINE, arg, command

GROUP = "Connect"

NODE = arg("--node", type=int, help="which node of a rental, from 0")
USER = arg("--user", help="login (default: the rental's own, VP.ssh_user for VMs)")


@command(
    "ssh",
    MACHINE,
    NODE,
    USER,
    arg("--print", action="store_true", dest="prints", help="show the line for a terminal"),
    arg("--copy", action="store_true", help="show it with a button that copies it"),
    arg("--config", action="store_true", help="let ssh, scp, rsync and VS Code know the machine by name"),
    arg("--rm", action="store_true", help="with --config: let them forget it"),
    group=GROUP,
    takes_rest=True,
)
def ssh(session: Session, args: Namespace) -> Any:
    """Put a cell below with the ssh line for a machine, ready to run; a line for each node of a rental.

    What stands after -- is run there (default: nvidia-smi), in the words of its shell.
    """
    if args.rm and not args.config:
        raise Refused("--rm goes with --config: it takes the machine out of your ssh configuration.")
    if args.config:
        return _configure(session, args)
    machine = session.machine(args.machine)
    wanted = " ".join(args.rest)
    if args.prints or args.copy:
        text = "\n".join(session.reach.ssh_lines(machine, wanted, node=args.node, user=args.user))
        return Copyable(text) if args.copy else Plain(text)
    offer_cell(session.reach.ssh_cell(machine, wanted or "nvidia-smi", node=args.node, user=args.user))
    return None


def _configure(session: Session, args: Namespace) -> Any:
    reach = session.reach
    config = Config(reach.ssh, session.base_url)
    machines = [one for one in session.machines() if one.status != "Terminated"]
    gone = config.keep_only([one.id for one in machines])
    if args.rm and args.machine in gone:
        return Note(f"ssh has forgotten {args.machine}, which has ended.")
    machine = pick(args.machine, machines, "machine")
    if args.rm:
        forgotten = config.remove(machine.id, purpose="login")
        return Note(f"ssh has forgotten {', '.join(forgotten)}." if forgotten else "ssh did not know it.")
    names = config.add(
        reach.targets(machine, node=args.node, user=args.user), machine=machine.id, name=machine.label
    )
    return Note(f"ssh, scp, rsync and VS Code know it as {', '.join(names)}: ssh {names[0]}.")


class Copyable(Plain):
    """A text with a button that copies it; front ends that show no buttons show the text."""

    def _repr_html_(self) -> str:
        return (
            f'<pre style="white-space:pre-wrap;margin:0">{escaped_lines(self)}</pre>'
            f'<button data-text="{escaped_lines(self)}" onclick="navigator.clipboard.writeText('
            "this.dataset.text).then(() => {this.textContent = 'Copied'})\">Copy</button>"
        )


def escaped_lines(text: str) -> str:
    """A text of several lines as it may stand in HTML."""
    return "\n".join(escaped(line) for line in text.split("\n"))


@command(
    "tunnel",
    MACHINE,
    arg("ports", nargs="+", type=int, metavar="port", help="ports of the machine"),
    NODE,
    USER,
    group=GROUP,
)
def tunnel(session: Session, args: Namespace) -> Any:
    """Bring ports of a machine to this notebook's loopback, for nobody else, until %vp tunnels --stop."""
    reach = session.reach
    machine = session.machine(args.machine)
    target = reach.target(machine, node=args.node or 0, user=args.user)
    said = []
    for port in args.ports:
        if not 0 < port < 65536:
            raise Refused(f"{port} is no port: they go from 1 to 65535.")
        same = [one for one in reach.tunnels if (one.target, one.port) == (target, port) and one.is_open]
        made = same[0] if same else Tunnel(reach.ssh, target, port)
        if not same:
            reach.tunnels.append(made)
        said.append(
            f"Port {port} of {target.label} is at http://{LOOPBACK}:{made.local_port}"
            + ("." if made.answers else "; nothing listens on it there yet.")
        )
    return Note("\n".join(said))


@command(
    "tunnels",
    arg("--stop", nargs="*", type=int, metavar="port", help="end those at these local ports, or all"),
    group=GROUP,
)
def tunnels(session: Session, args: Namespace) -> Any:
    """The tunnels of this notebook."""
    reach = session.reach
    if args.stop is not None:
        known = {one.local_port for one in reach.tunnels}
        if strange := sorted(set(args.stop) - known):
            raise Refused(f"There is no tunnel at port {strange[0]}: %vp tunnels lists them.")
        for one in [one for one in reach.tunnels if not args.stop or one.local_port in args.stop]:
            one.close()
            reach.tunnels.remove(one)
    frame = pd.DataFrame(
        {
            "machine": [one.target.label for one in reach.tunnels],
            "port": [one.port for one in reach.tunnels],
            "local_port": [one.local_port for one in reach.tunnels],
            "address": [f"http://{LOOPBACK}:{one.local_port}" for one in reach.tunnels],
            "open": [one.is_open for one in reach.tunnels],
        }
    )
    columns = [
        Column("machine", "machine"),
        Column("port", "port", str, right=True),
        Column("address", "here"),
        Column("open", "open", lambda is_open: "yes" if is_open else "lost"),
    ]
    return Table.of(frame, columns, caption="" if len(frame) else "No tunnels: %vp tunnel NAME PORT.")


@command(
    "cp",
    arg("paths", nargs="+", metavar="path", help="what to copy, then where to; one side is NAME:PATH"),
    NODE,
    USER,
    group=GROUP,
)
def cp(session: Session, args: Namespace) -> Any:
    """Copy files and folders to a machine, or back: %vp cp data trainer:data, %vp cp trainer:out.pt ."""
    if len(args.paths) < 2:
        raise Refused("What, and where to? %vp cp FILE NAME:PATH, or %vp cp NAME:PATH FILE.")
    *sources, destination = [_place(path) for path in args.paths]
    names = {name for name, _ in sources}
    upload = destination[0] is not None
    if upload == (None not in names) or len(names) > 1:
        raise Refused("One side is this computer's and the other one machine's: NAME:PATH.")
    (name,) = {destination[0]} if upload else names
    target = session.reach.target(session.machine(name or ""), node=args.node or 0, user=args.user)
    progress = Progress()
    copying.copy(
        session.reach.link(target),
        [path for _, path in sources],
        destination[1],
        upload=upload,
        progress=lambda sentence: progress(f"{target.label}: {plain(sentence)}"),
    )
    whither = f"to {target.label}" if upload else f"from {target.label}"
    return Note(f"Copied {', '.join(path for _, path in sources)} {whither}.")


def _place(path: str) -> tuple[str | None, str]:
    """The machine of a path, or None, and the path there; ``C:\\data`` and ``./a:b`` are this computer's."""
    name, colon, rest = path.partition(":")
    if not colon or len(name) < 2 or "/" in name or "\\" in name:
        return None, path
    return name, rest


@command("kubeconfig", MACHINE, group=GROUP)
def kubeconfig(session: Session, args: Namespace) -> Any:
    """Write a rental's kubeconfig, a credential, to a file for you alone; the cell below uses it."""
    machine = session.client.machines.get(session.machine(args.machine))
    record = machine.record
    if not isinstance(record, Rental):
        raise Refused(f"{machine.label} is a VM; a kubeconfig comes with bare metal.")
    if record.kubeconfig is None:
        raise Refused(f"The service names no kubeconfig for {machine.label} yet: it is {machine.status}.")
    path = Path.home() / ".kube" / f"vp-{safe_name(machine.label, machine.id)}.yaml"
    try:
        write(path, record.kubeconfig.reveal().encode())
        path.chmod(0o600)
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror}.") from None
    offer_cell(f"%env KUBECONFIG={path}\n!kubectl get nodes")
    return Note(f"Wrote {path}; kubectl uses it where KUBECONFIG names it.")


@command(
    "kernel",
    MACHINE,
    NODE,
    USER,
    arg("--interpreter", help="the Python there (default: VP.remote_python)"),
    arg("--remove", action="store_true", help="take the kernel away again"),
    group=GROUP,
)
def kernel(session: Session, args: Namespace) -> Any:
    """Make a machine's Python a kernel of this JupyterLab, to choose in its kernel menu."""
    reach = session.reach
    config = Config(reach.ssh, session.base_url)
    if args.remove:
        return _remove_kernels(session, args.machine, config)
    machine = session.machine(args.machine)
    made = kernels.install(
        reach.link(reach.target(machine, node=args.node or 0, user=args.user)),
        config,
        machine=machine.id,
        service=session.base_url,
        node=args.node or 0,
        interpreter=args.interpreter or session.settings.remote_python,
    )
    return Note(
        f"{made.name} is in the kernel menu now (as {made.id}; reload the page if it is not). "
        f"%vp kernel {args.machine} --remove takes it away."
    )


def _remove_kernels(session: Session, reference: str, config: Config) -> Any:
    known: Sequence[kernels.Kernel] = kernels.installed()
    machines = {one.machine: one for one in known}
    try:
        chosen = session.machine(reference).id
    except NotFound:  # it may have ended, and its kernel be there still
        chosen = pick(reference, list(machines.values()), "kernel").machine
    removed = [one for one in known if one.machine == chosen]
    for one in removed:
        kernels.remove(one, config, session.reach.ssh)
    if not removed:
        raise Refused(f"There is no kernel of {reference}.")
    return Note(f"Removed the kernel {', '.join(one.id for one in removed)}.")
