"""What a user can set: ``%config VP.name = value``, or ``c.VP.name = value`` in an IPython profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from traitlets import Bool, Float, Int, Unicode
from traitlets.config import Configurable

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


class Settings(Configurable):
    """The settings of one notebook, and the shell that it runs in."""

    shell: InteractiveShell | None

    ssh_user = Unicode("user", help="Login on VMs, which the service does not name.").tag(config=True)
    ssh_key = Unicode("", help="Private key for machines (default: ssh's own choice).").tag(config=True)
    remote_python = Unicode(
        "python3", help="Python on machines: a name or a path; ~/ is the home there."
    ).tag(config=True)
    confirm = Bool(True, help="Ask before money is spent or data destroyed.").tag(config=True)
    default_key = Unicode(
        "all", help="SSH keys that a launch gets: a name, a file, `all` or `none`; several with commas."
    ).tag(config=True)
    operating_system = Unicode("TensorML 24 Everything", help="Preferred on a new VM.").tag(config=True)
    keep_months = Bool(True, help="Keep months of the account that are over on this computer.").tag(
        config=True
    )
    page_size = Int(100, min=1, help="Records asked for at once.").tag(config=True)
    refresh = Float(10.0, min=1.0, help="Seconds that a listing is fresh for TAB and panels.").tag(
        config=True
    )
