"""The Python of a machine as a kernel of this JupyterLab, by sshpyk."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from ..api.errors import Conflict
from .config import Config
from .extra import need
from .failures import last_line
from .files import write
from .links import Link
from .remote import output
from .ssh import MULTIPLEXES, Ssh, program
from .versions import there

_NEEDS = ("ipykernel", "jupyter_client")

# The kernel as the machine's own Jupyter starts it. What it says beside its channels goes to a file: sshpyk
# hangs up once it runs, and writing to what nobody reads any more would end it.
_START = 'exec "$0" -m ipykernel_launcher -f "$1" >"$2/kernel.log" 2>&1'
_INSTALL = """
import json, os, sys
from jupyter_core.paths import jupyter_data_dir
folder = os.path.join(jupyter_data_dir(), "kernels", %(name)r)
os.makedirs(folder, exist_ok=True)
argv = ["/bin/sh", "-c", %(start)r, sys.executable, "{connection_file}", "{resource_dir}"]
spec = {"argv": argv, "display_name": %(name)r, "language": "python"}
with open(os.path.join(folder, "kernel.json"), "w") as file:
    json.dump(spec, file)
"""


class Kernel(NamedTuple):
    """An installed kernel: what its machine (or node of one) is called, the machine's id, the service that
    rents it out, the node's number, what ssh calls it, and where Jupyter finds it."""

    name: str
    machine: str
    service: str
    node: int
    alias: str
    folder: Path

    @property
    def id(self) -> str:
        """What Jupyter calls it."""
        return self.folder.name


def install(
    link: Link, config: Config, *, machine: str, service: str, node: int = 0, interpreter: str = "python3"
) -> Kernel:
    """Make a machine's Python a kernel of this user's Jupyter.

    Raises `Conflict` where sshpyk is missing here or ipykernel there, naming the command that installs it,
    and `ConnectionFailed`.
    """
    need("sshpyk", "%vp kernel")
    if not MULTIPLEXES:
        raise Conflict("A kernel on a machine needs an ssh that shares connections, which Windows' does not.")
    python = there(link, interpreter, _NEEDS)
    if missing := [package for package in _NEEDS if package not in python.packages]:
        raise Conflict(
            f"The Python of {link.target.label} ({python.executable}) has no {' and no '.join(missing)}. "
            f"On the machine: {python.executable} -m pip install {' '.join(missing)}, or name another "
            "with --interpreter."
        )
    ssh, name = link.ssh, link.target.label
    shared = {
        "ControlMaster": "auto",
        "ControlPath": str(ssh.folder / f"{machine[:8]}-{node}"),  # short, as the path of a socket must be
        "ControlPersist": "10m",
        "ServerAliveInterval": "15",
    }
    (alias,) = config.add(
        [link.target], machine=machine, name=f"{name}-kernel", purpose=_purpose(node), more=shared
    )
    folder = _folder() / f"vp-{alias.lower()}"
    source = _INSTALL % {"name": folder.name, "start": _START}
    status, _, complaint = output(link, source, interpreter=python.executable)
    if status:
        raise Conflict(f"{name} keeps no kernel: {last_line(complaint) or status}.")
    settings = {
        "ssh_host_alias": alias,
        "ssh_config": str(ssh.user_config),
        "remote_python": python.executable,
        "remote_kernel_name": folder.name,
    }
    content = {
        # For front ends that start what stands here, and not what the provisioner says.
        "argv": [
            *(sys.executable, "-m", "sshpyk.kernelapp"),
            f"--SSHKernelApp.kernel_name={folder.name}",
            "--KernelManager.connection_file='{connection_file}'",
        ],
        "display_name": f"{name} (Python {python.release})",
        "language": "python",
        "interrupt_mode": "message",
        "metadata": {
            "kernel_provisioner": {"provisioner_name": "sshpyk-provisioner", "config": settings},
            "vp_jupyter": {
                "name": name,
                "machine": machine,
                "service": service,
                "node": node,
                "alias": alias,
            },
        },
    }
    write(folder / "kernel.json", json.dumps(content, indent=1).encode(), mode=0o644)
    return Kernel(name, machine, service, node, alias, folder)


def installed() -> list[Kernel]:
    """Our kernels in this user's Jupyter."""
    found = []
    for file in sorted(_folder().glob("vp-*/kernel.json")):
        try:
            ours = json.loads(file.read_text(encoding="utf-8"))["metadata"]["vp_jupyter"]
            found.append(Kernel(**ours, folder=file.parent))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # somebody else's
    return found


def remove(kernel: Kernel, config: Config, ssh: Ssh) -> None:
    """Take a kernel away, with its connection and its entry in the ssh configuration."""
    subprocess.run(  # noqa: S603
        [program("ssh"), *ssh.config_options(), "-O", "exit", kernel.alias], capture_output=True, check=False
    )
    config.remove(kernel.machine, purpose=_purpose(kernel.node))
    shutil.rmtree(kernel.folder, ignore_errors=True)


def _purpose(node: int) -> str:
    return f"kernel{node}"


def _folder() -> Path:
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir()) / "kernels"
