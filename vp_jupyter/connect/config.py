"""The part of the user's ssh configuration that is ours: machines by name."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from ..api.errors import Conflict
from .files import write
from .ssh import Ssh, program, quoted
from .target import Target

_HEAD = "# Written by vp_jupyter, and anew with every change: what you edit here is lost.\n"
_ENTRY = re.compile(r"^# (\w+) to (\S+) at (\S+)\nHost (\S+)\n((?:[ \t].*\n?)*)", re.MULTILINE)


class Entry(NamedTuple):
    """A node of a machine in the file: what for (``login``, ``kernel``), the machine's id, the service that
    rents it out, what ssh calls it, and its settings as they stand there."""

    purpose: str
    machine: str
    service: str
    name: str
    settings: str

    def __str__(self) -> str:
        return f"# {self.purpose} to {self.machine} at {self.service}\nHost {self.name}\n{self.settings}"


class Config:
    """Our file beside the user's configuration, which gets one line that includes it."""

    def __init__(self, ssh: Ssh, service: str) -> None:
        self.path = ssh.folder / "config"
        self._ssh = ssh
        self._service = service

    def entries(self) -> list[Entry]:
        """What is in it."""
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        return [Entry(*found.groups()) for found in _ENTRY.finditer(text)]

    def add(
        self,
        targets: Sequence[Target],
        *,
        machine: str,
        name: str,
        purpose: str = "login",
        more: Mapping[str, str] | None = None,
    ) -> list[str]:
        """Make the nodes of a machine known to ssh; gives what it calls them from now on.

        That is the machine's name, where it can be one, no other machine has it and the user's own
        configuration does not know it; otherwise the name with a part of the id. `more` are further settings.
        Raises `Conflict` where the user's configuration cannot be written.
        """
        entries = self.entries()
        others = [entry for entry in entries if (entry.machine, entry.purpose) != (machine, purpose)]
        own = {entry.name for entry in entries} - {entry.name for entry in others}
        called = self._name(name, machine, own=own, taken={entry.name for entry in others})
        added = []
        for node, target in enumerate(targets):
            settings = {
                "HostName": target.host,
                "Port": str(target.port),
                "User": target.login,
                **self._ssh.settings(target),
                **(more or {}),
            }
            lines = "".join(f"    {word} {value}\n" for word, value in settings.items())
            label = called if len(targets) == 1 else f"{called}-{node}"
            added.append(Entry(purpose, machine, self._service, label, lines))
        self._write([*others, *added])
        self._include()
        return [entry.name for entry in added]

    def remove(self, machine: str, *, purpose: str | None = None) -> list[str]:
        """Forget a machine, for one purpose or all; gives the names that ssh no longer knows."""
        return self._drop(lambda entry: entry.machine == machine and purpose in (None, entry.purpose))

    def keep_only(self, machines: Collection[str]) -> list[str]:
        """Forget this service's machines that are no more; gives the names that ssh no longer knows."""
        return self._drop(lambda entry: entry.service == self._service and entry.machine not in machines)

    def _drop(self, unwanted: Callable[[Entry], bool]) -> list[str]:
        entries = self.entries()
        gone = [entry.name for entry in entries if unwanted(entry)]
        if gone:
            self._write([entry for entry in entries if not unwanted(entry)])
        return gone

    def _write(self, entries: Sequence[Entry]) -> None:
        self._ssh.prepare()
        write(self.path, "\n".join([_HEAD, *map(str, entries)]).encode())

    def _include(self) -> None:
        """Have the user's configuration include ours: at its top, where no `Host` holds it back."""
        user = self._ssh.user_config
        elsewhere = self._ssh.config_options()  # ssh reads a relative path from its own idea of the home
        line = f"Include {quoted(self.path) if elsewhere else 'vp_jupyter/config'}\n".encode()
        try:
            before = user.read_bytes() if user.exists() else b""
            if line.strip() not in [one.strip() for one in before.splitlines()]:
                write(user, line + before)
        except OSError as error:
            raise Conflict(
                f"{user} cannot be written ({error.strerror}): put {line.decode().strip()!r} at its top, and "
                "ssh knows your machines by name."
            ) from None

    def _name(self, name: str, id: str, *, own: Collection[str], taken: Collection[str]) -> str:
        """What ssh calls a machine: without what means something to ssh_config, and without dots, so that
        no machine stands in for a host of the world."""
        safe = _safe(name)
        free = safe and safe not in taken and f"{safe}-0" not in taken and safe.lower() != "localhost"
        if safe in own or f"{safe}-0" in own or (free and not self._is_known(safe)):
            return safe
        return safe_name(name, id)

    def _is_known(self, name: str) -> bool:
        """Whether the configuration makes another host of a name."""
        said = subprocess.run(  # noqa: S603
            [program("ssh"), *self._ssh.config_options(), "-G", name],
            capture_output=True,
            text=True,
            check=False,
        )
        host = re.search(r"^hostname (.*)$", said.stdout, re.MULTILINE)
        return host is not None and host[1] not in (name, name.lower())


def safe_name(name: str, id: str) -> str:
    """A machine's name and a part of its id, as they may stand in names of hosts and files."""
    return f"{_safe(name) or 'vp'}-{id[:8]}"


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]+", "-", name).strip("-")
