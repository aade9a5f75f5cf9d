"""How ssh is called: the program, its options and the line that a person can copy."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

from ..api.errors import Conflict, InvalidRequest
from .target import SSH_PORT, Target

CONNECT_TIMEOUT = 10  # seconds
ALIVE_INTERVAL = 15  # seconds; a connection that misses three answers is lost

#: Whether ssh here can share one connection among its processes.
MULTIPLEXES = sys.platform != "win32"


class Ssh(NamedTuple):
    """The ssh of this computer. `identity` is the private key to use, or None for ssh's own choice.

    What belongs to vp_jupyter is in a folder of its own beside the user's configuration.
    """

    identity: Path | None = None

    @property
    def user_config(self) -> Path:
        """The user's own configuration."""
        return Path.home() / ".ssh" / "config"

    @property
    def folder(self) -> Path:
        """Ours."""
        return Path.home() / ".ssh" / "vp_jupyter"

    @property
    def known_hosts(self) -> Path:
        """The host keys of machines, under their ids."""
        return self.folder / "known_hosts"

    def settings(self, target: Target) -> dict[str, str]:
        """What is set for a machine, in the words of ssh_config.

        It never asks, for a notebook could not answer. A host key is trusted when it is first seen, under
        the machine's name.
        """
        return {
            "BatchMode": "yes",
            "StrictHostKeyChecking": "accept-new",
            "UserKnownHostsFile": quoted(self.known_hosts),
            "HostKeyAlias": target.alias,
            **({"IdentityFile": quoted(self.identity), "IdentitiesOnly": "yes"} if self.identity else {}),
        }

    def options(self, target: Target, **more: str) -> list[str]:
        """The options of ssh and scp where they are run and not shown; `more` are further settings."""
        settings = {
            **self.settings(target),
            "Port": str(target.port),
            "ConnectTimeout": str(CONNECT_TIMEOUT),
            "ServerAliveInterval": str(ALIVE_INTERVAL),
            "ServerAliveCountMax": "3",
            "ForwardAgent": "no",
            **more,
        }
        return [*self.config_options(), *_as_options(settings)]

    def argv(self, target: Target, command: str, *words: str, **more: str) -> list[str]:
        """The command line of an ssh process that runs `command` there; `words` are further arguments."""
        destination = f"{target.login}@{target.host}"
        return [program("ssh"), "-T", *self.options(target, **more), *words, destination, command]

    def line(self, target: Target, command: str = "") -> str:
        """A line for a shell that reaches a machine and runs `command` there."""
        self.prepare()
        words = ["ssh", *self.config_options(), *_as_options(self.settings(target))]
        words += ["-p", str(target.port)] if target.port != SSH_PORT else []
        return shlex.join([*words, f"{target.login}@{target.host}", *([command] if command else [])])

    def prepare(self) -> None:
        """Make our folder, for this user alone."""
        for folder in (self.folder.parent, self.folder):
            folder.mkdir(mode=0o700, exist_ok=True)

    def config_options(self) -> list[str]:
        """The option that names the user's configuration, where ssh would not look for it itself: it goes by
        the password database and not by HOME."""
        if sys.platform == "win32":
            return []
        import pwd

        if Path(pwd.getpwuid(os.getuid()).pw_dir) == Path.home():
            return []
        return ["-F", str(self.user_config) if self.user_config.exists() else "none"]


def _as_options(settings: dict[str, str]) -> list[str]:
    return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]


def program(name: str) -> str:
    """The path of ssh, scp, …; raises `Conflict` where it is not installed."""
    found = shutil.which(name)
    if found is None:
        raise Conflict(f"There is no {name} on this computer: install OpenSSH's client, then try again.")
    return found


def quoted(path: Path) -> str:
    """A path as a value of ssh_config, where blanks part values and a percent sign begins a token."""
    text = str(path).replace("%", "%%")
    if '"' in text or any(ord(sign) < 32 for sign in text):
        raise InvalidRequest(f"ssh cannot be told of {text!r}: it holds a quote or a line break.")
    return f'"{text}"' if any(sign.isspace() for sign in text) else text
