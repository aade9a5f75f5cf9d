"""From a machine's record to a connection."""

from .ssh import ssh_command

__all__ = ["ssh_command"]
