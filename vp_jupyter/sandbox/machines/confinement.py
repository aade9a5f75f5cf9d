"""Confinement by bubblewrap: the command line that puts a program into a machine and nowhere else.

It sees the system's programs and libraries and the Python that the sandbox runs on, all read-only, and the
machine's disk, of which it writes its home and /tmp. It has processes, a hostname and a network (a loopback)
of its own, so nothing that listens on this computer, X and D-Bus included, can be spoken to. It ends with
whoever started it.
"""

import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path

from vp_jupyter.sandbox.machines.disk import TMP, Disk
from vp_jupyter.sandbox.machines.interpreter import python, user_site

PROGRAM = "/run/sshd.py"  # where the machine has its ssh server
_SYSTEM = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store"]
# Of /etc, what programs need and nothing that is secret.
_ETC = """
    alternatives ca-certificates crypto-policies debian_version fonts inputrc ld.so.cache ld.so.conf
    ld.so.conf.d localtime lsb-release magic mime.types os-release pki/ca-trust pki/tls/certs protocols
    services shells ssl/certs ssl/openssl.cnf terminfo timezone
""".split()  # noqa: SIM905
# Where root, even without its privileges, could tell the kernel of this computer something.
_KERNEL = ["acpi", "bus", "driver", "fs", "irq", "mtrr", "pressure", "scsi", "sys", "sysrq-trigger"]
# Of a Python's prefix, what it needs: a prefix may be somebody's project, or their home.
_PREFIX = ["bin", "include", "lib", "lib64", "libexec", "pyvenv.cfg", "share", "ssl"]
_NAMESPACES = ("--unshare-all", "--unshare-user", "--cap-drop", "ALL")


class Unconfinable(Exception):
    """Programs cannot be confined here; says why."""


def require() -> None:
    """Raise `Unconfinable` where this computer does not let bubblewrap do its work."""
    bwrap = _bubblewrap()
    if (reason := _refusal(bwrap)) is not None:
        raise Unconfinable(reason)


def confined(program: Path, disk: Disk, *arguments: str, info_fd: int) -> list[str]:
    """The command that runs `program`, a Python script, in the machine of that disk.

    bubblewrap tells the descriptor `info_fd`, in JSON, which process is the first of the machine. Raises
    `Unconfinable`.
    """
    bwrap = _bubblewrap()
    files = {_resolved(Path(path)): real for path, real in disk.files.items()}
    words: list[str | Path] = [bwrap, "--die-with-parent", "--new-session", "--info-fd", str(info_fd)]
    words += [*_NAMESPACES, *_no_further_namespaces(bwrap), "--hostname", disk.hostname]
    words += ["--uid", "1000", "--gid", "1000", "--dev", "/dev", "--tmpfs", "/dev/shm", "--proc", "/proc"]  # noqa: S108
    for name in _KERNEL:
        words += ["--ro-bind-try", f"/proc/{name}", f"/proc/{name}"]
    words += [
        "--bind",
        disk.home,
        disk.home_path,
        "--bind",
        disk.tmp,
        TMP,
        "--symlink",
        "../tmp",
        f"/var{TMP}",
    ]
    shown: list[Path] = []
    for path in _visible():
        if not any(path.is_relative_to(above) for above in shown):
            shown.append(path)
            words += _show(path, files.keys(), kept=(Path(TMP), Path(disk.home_path)))
    for path, real in files.items():
        words += ["--ro-bind", real, path]
    words += ["--ro-bind", program, PROGRAM, "--chdir", disk.home_path]
    words += ["--remount-ro", "/dev", "--remount-ro", "/", "--", *python(), PROGRAM, *arguments]
    return [str(word) for word in words]


def _bubblewrap() -> str:
    found = shutil.which("bwrap") if sys.platform == "linux" else None
    if found is None:
        raise Unconfinable("there is no bubblewrap (bwrap) on this computer")
    return found


@cache
def _refusal(bwrap: str) -> str | None:
    """What bubblewrap says where it is not allowed to confine anything."""
    words = [bwrap, *_NAMESPACES, "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true"]
    try:
        run = subprocess.run(words, capture_output=True, text=True, timeout=10, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as failed:
        return f"bubblewrap does not start ({failed})"
    return None if run.returncode == 0 else last_line(run.stderr) or "bubblewrap ends without a word"


@cache
def _no_further_namespaces(bwrap: str) -> list[str]:
    """The option that keeps a machine from making namespaces, in which it could say more to the kernel;
    older releases of bubblewrap have none."""
    run = subprocess.run([bwrap, "--help"], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603
    return ["--disable-userns"] if "--disable-userns" in run.stdout + run.stderr else []


def last_line(text: str) -> str:
    """The last line that says anything."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def _visible() -> Iterator[Path]:
    """What of this computer a machine sees, each after whatever it lies in."""
    places = [*map(Path, _SYSTEM), *(Path("/etc", name) for name in _ETC)]
    for prefix in dict.fromkeys((sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix)):
        for place in dict.fromkeys((Path(prefix), Path(prefix).resolve())):
            places += [place / name for name in _PREFIX]
    if (packages := user_site()) is not None:
        places.append(packages)
    yield from (place for place in places if place.exists() or place.is_symlink())


def _resolved(path: Path) -> Path:
    """A path without the system's symbolic links on the way, such as /usr/local/man."""
    return path.parent.resolve() / path.name if path.is_relative_to("/usr") else path


def _show(path: Path, others: Collection[Path], kept: Collection[Path]) -> Iterator[str | Path]:
    """Words that show a path of this computer, read-only, leaving out what the disk has instead.

    A Python may lie in what the machine calls its own /tmp or home, which are `kept` while it is off.
    """
    if path in others:
        return
    if path.is_symlink() and not any(path.is_relative_to(place) for place in kept):
        yield from ("--symlink", path.readlink(), path)
    elif any(other.is_relative_to(path) for other in others):
        # Nothing can be put into a folder that is shown whole: it is made, and its contents shown each.
        yield from ("--dir", path)
        for inner in sorted(path.iterdir()):
            yield from _show(inner, others, kept)
    else:
        yield from ("--ro-bind", path, path)
