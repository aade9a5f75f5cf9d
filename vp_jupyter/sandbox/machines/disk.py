"""The disk of one machine: what is its own of the file system, kept while it is off."""

import os
import posixpath
import re
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vp_jupyter.sandbox.cloudinit import decoded
from vp_jupyter.sandbox.machines.interpreter import search_path
from vp_jupyter.sandbox.machines.roster import Machine

TMP = "/tmp"  # noqa: S108 the machine's own
LOG = "/var/log/cloud-init-output.log"
RUNCMD = "/var/lib/cloud/instance/scripts/runcmd"
# Made anew whenever a machine comes up, or shared with the computer underneath.
_NO_FILES = re.compile(
    r"/(dev|proc|run|sys|s?bin|lib(32|64|x32)?|nix|gnu|usr(?!/local/)|var/tmp|var/run)(/|$)"
)
_MOTD = """\
A machine of the vp_jupyter sandbox. Its Python is the notebook's; it writes its home and /tmp, and has no
network but its own loopback.
"""


class Disk:
    """A folder of this computer that stands for the machine's root, with what cloud-init writes in it.

    `home` and `tmp` are written by the machine; `files` are what else is its own, by the path that they have
    in it, and it only reads them.
    """

    def __init__(self, parent: Path, machine: Machine) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="machine-", dir=parent))
        self.hostname = re.sub(r"[^a-z0-9]+", "-", machine.name.lower()).strip("-")[:63] or "machine"
        self.home_path = f"/home/{machine.login}"
        self.files: dict[str, Path] = {}
        self.home, self.tmp = self.real(self.home_path), self.real(TMP)
        for folder in (self.home, self.tmp):
            folder.mkdir(parents=True)
        for name, content in _system(self.hostname, machine.login, self.home_path):
            self._write(name, content.encode())
        self._write(LOG, b"")
        self.log = self.real(LOG)
        script = machine.cloud_init or {}
        for line in self._cloud_init(script):
            self.say(line)
        #: The path in the machine of the script that runs when it first comes up.
        self.first_script = RUNCMD if script.get("runcmd") else None

    def say(self, line: str) -> None:
        """Add a line to the log of cloud-init."""
        with self.log.open("a", encoding="utf-8", errors="replace") as log:
            log.write(f"{line}\n")

    def real(self, path: str) -> Path:
        """Where this computer has what the machine has at `path`, if that is its own."""
        return self.root / path.lstrip("/")

    def remove(self) -> None:
        """Remove all of it; the machine has ended."""
        for here, folders, _ in os.walk(self.root):
            for name in folders:
                folder = Path(here, name)
                if not folder.is_symlink():
                    folder.chmod(0o700)  # the machine may have closed it to everybody
        shutil.rmtree(self.root, ignore_errors=True)

    def _write(self, path: str, content: bytes, mode: int = 0o644) -> None:
        real = self.real(path)
        real.parent.mkdir(parents=True, exist_ok=True)
        real.write_bytes(content)
        real.chmod(mode)
        if not real.is_relative_to(self.home) and not real.is_relative_to(self.tmp):
            self.files[path] = real

    def _cloud_init(self, script: Mapping[str, Any]) -> Iterator[str]:
        """Write what the script says; gives the lines of its log."""
        if packages := script.get("packages"):
            yield f"The sandbox installs no packages: {', '.join(packages)}."
        for file in script.get("write_files") or ():
            path = posixpath.normpath("/" + file["path"].lstrip("/"))
            content = decoded(file.get("content") or "", (file.get("encoding") or "text/plain").lower())
            mode = int((file.get("permissions") or "0644").removeprefix("0o"), 8) & 0o777
            try:
                if _NO_FILES.match(path):
                    raise ValueError("that belongs to the system, which is read-only")
                if any(folder.is_file() for folder in Path(path).parents):
                    raise ValueError("it lies in a file")
                self._write(path, content, mode)
            except (OSError, ValueError) as refused:
                yield f"{path} is not written: {getattr(refused, 'strerror', None) or refused}."
            else:
                yield f"{path} is written."
        if commands := script.get("runcmd"):
            lines = [command if isinstance(command, str) else shlex.join(command) for command in commands]
            self._write(RUNCMD, "\n".join(("#!/bin/sh", *lines, "")).encode(errors="surrogatepass"), 0o755)


def _system(hostname: str, login: str, home: str) -> Iterator[tuple[str, str]]:
    """The files of /etc that differ from those of the computer underneath."""
    users = (
        "root:x:0:0:root:/root:/bin/sh",
        f"{login}:x:1000:1000:{login}:{home}:/bin/bash",
        "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin",
    )
    yield "/etc/passwd", "".join(f"{user}\n" for user in users)
    yield "/etc/group", f"root:x:0:\n{login}:x:1000:\nnogroup:x:65534:\n"
    yield "/etc/hostname", f"{hostname}\n"
    yield "/etc/hosts", f"127.0.0.1 localhost {hostname}\n"
    yield "/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"
    prompt = "[ -z \"$PS1\" ] || PS1='\\u@\\h:\\w\\$ '"
    yield "/etc/profile", f"export PATH={shlex.quote(search_path())}\n{prompt}\n"
    yield "/etc/motd", _MOTD
