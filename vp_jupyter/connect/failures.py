"""What ssh says when it fails, as one sentence."""

from __future__ import annotations

import re
import shlex

from ..api.errors import ConnectionFailed
from ..formats import plain
from .ssh import Ssh
from .target import Target

#: A part of what ssh says, and what that means; `{...}` as in `failure`.
_MEANINGS = (
    (
        r"HOST IDENTIFICATION HAS CHANGED|Host key verification failed|host key .* has changed",
        "The host key of {label} is not the one it had before: it was installed anew, or somebody stands in "
        "between. Nothing was sent. If you know why, forget the old key: "
        "ssh-keygen -f {known_hosts} -R {alias}",
    ),
    (
        r"Permission denied|Too many authentication failures|no such identity",
        "{label} does not let {login} in with your SSH key: it knows the keys that it was launched with. "
        'If your key is not where ssh looks: %config VP.ssh_key = "~/.ssh/…"; another login: --user.',
    ),
    (
        r"Connection refused",
        "{label} refuses the connection at {host}:{port}: it is starting or stopped (%vp show).{forward}",
    ),
    (
        r"timed out|Timeout, server|No route to host|Network is unreachable",
        "{label} does not answer at {host}:{port}: it is starting or stopped, or the network is down "
        "(%vp show).{forward}",
    ),
    (
        r"Could not resolve hostname",
        "There is no host {host}, which the service names for {label}.",
    ),
    (
        r"Connection closed|Connection reset|Broken pipe|banner exchange|kex_exchange",
        "{label} closed the connection at {host}:{port}: it is starting or stopped (%vp show).",
    ),
)


def failure(ssh: Ssh, target: Target, said: str) -> ConnectionFailed:
    """The error for what ssh wrote to stderr about a connection that could not be made."""
    forward = (
        ""
        if target.port_is_forwarded
        else f" No port is forwarded to its ssh: %vp forward {target.label} 22."
    )
    for pattern, sentence in _MEANINGS:
        if re.search(pattern, said, re.IGNORECASE):
            return ConnectionFailed(
                sentence.format(
                    **target._asdict(), known_hosts=shlex.quote(str(ssh.known_hosts)), forward=forward
                )
            )
    return ConnectionFailed(f"ssh could not reach {target.label}: {last_line(said) or 'it says no more'}.")


def lost(target: Target) -> ConnectionFailed:
    """The error for a connection that ended in the middle."""
    return ConnectionFailed(
        f"The connection to {target.label} was lost; what ran there for it is told to end. See %vp show, "
        "then run it again."
    )


def last_line(said: str) -> str:
    """The last thing that was said, without its full stop."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return plain(lines[-1]).rstrip(".") if lines else ""
