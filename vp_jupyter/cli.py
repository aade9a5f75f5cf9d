"""`vp-jupyter`: the demo and the sandbox, from a terminal."""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from ._version import __version__
from .api.errors import VoltageParkError


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and give its exit status."""
    parser = argparse.ArgumentParser(prog="vp-jupyter", description="Voltage Park in Jupyter.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="command")

    demo = commands.add_parser("demo", help="a sandbox, JupyterLab and the tour: needs no account")
    demo.set_defaults(run=run_demo)
    demo.add_argument("--port", type=int, default=0, help="of JupyterLab (default: a free one)")
    demo.add_argument("--browser", action="store_true", help="open a browser too")

    sandbox = commands.add_parser("sandbox", help="a local Voltage Park, until Ctrl-C")
    sandbox.set_defaults(run=run_sandbox)
    sandbox.add_argument("--port", type=int, default=8765, help="0: a free one (default 8765)")

    reap = commands.add_parser("reap", help="end the machines whose lease is over, as cron would")
    reap.set_defaults(run=run_reap)
    reap.add_argument("--dry-run", action="store_true", help="only say which")

    for command, time_scale in ((demo, 60.0), (sandbox, 1.0)):
        command.add_argument("--seed", type=int, default=7, help="which cloud (default 7)")
        command.add_argument(
            "--time-scale",
            type=float,
            default=time_scale,
            help=f"simulated seconds in a second (default {time_scale:g})",
        )
        command.add_argument(
            "--unconfined-machines",
            action="store_true",
            help="let commands on the sandbox's machines run as you do where they cannot be confined",
        )
    arguments = parser.parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except (ImportError, VoltageParkError) as error:
        print(f"vp-jupyter: {error}", file=sys.stderr)
    except OSError as error:
        print(f"vp-jupyter: {error.strerror or error}", file=sys.stderr)
    return 1


def run_sandbox(arguments: argparse.Namespace) -> int:
    """A sandbox in the foreground."""
    from .sandbox import Sandbox

    with Sandbox(
        seed=arguments.seed,
        port=arguments.port,
        time_scale=arguments.time_scale,
        unconfined_machines=arguments.unconfined_machines,
    ) as sandbox:
        _remark(sandbox.remarks)
        print(f"export VP_BASE_URL={sandbox.base_url}")
        print(f"export VP_API_KEY={sandbox.api_key}", flush=True)
        _until_stopped()
    return 0


def run_demo(arguments: argparse.Namespace) -> int:
    """A sandbox and a JupyterLab that knows it, with copies of the notebooks in a folder of their own."""
    from .sandbox import Sandbox

    with tempfile.TemporaryDirectory(prefix="vp-demo-") as folder:
        work = Path(folder)
        for notebook in notebooks():
            shutil.copy(notebook, work)
        with Sandbox(
            seed=arguments.seed,
            time_scale=arguments.time_scale,
            unconfined_machines=arguments.unconfined_machines,
        ) as sandbox:
            _remark(sandbox.remarks)
            port, token = arguments.port or _free_port(), secrets.token_urlsafe(18)
            lab = subprocess.Popen(  # noqa: S603
                [
                    *(sys.executable, "-m", "jupyter", "lab", "01_quickstart.ipynb"),
                    *(() if arguments.browser else ("--no-browser",)),
                    *(("--allow-root",) if hasattr(os, "geteuid") and os.geteuid() == 0 else ()),
                    *(f"--ServerApp.root_dir={work}", "--ServerApp.ip=127.0.0.1"),
                    *(f"--ServerApp.port={port}", "--ServerApp.port_retries=0", "--log-level=WARN"),
                ],
                cwd=work,
                # The token goes by the environment: other users of this computer can read command lines.
                env=_without_keys(os.environ)
                | {"VP_BASE_URL": sandbox.base_url, "VP_API_KEY": sandbox.api_key, "JUPYTER_TOKEN": token},
            )
            try:
                print(
                    "A sandbox Voltage Park is running, where nothing costs money. Open this; Ctrl-C ends it:"
                )
                print(
                    f"\n    http://127.0.0.1:{port}/lab/tree/01_quickstart.ipynb?token={token}\n", flush=True
                )
                return _wait_for(lab)
            finally:
                lab.terminate()
                try:
                    lab.wait(10)
                except subprocess.TimeoutExpired:
                    lab.kill()


def run_reap(arguments: argparse.Namespace) -> int:
    """End what has outlived its lease: the lease was the consent. The key is in the environment, or in the
    system keyring."""
    from .api import Client, key_from_environment
    from .api.address import DEFAULT_BASE_URL
    from .costs import ended_leases
    from .formats import plain
    from .keychain import load

    base_url = os.environ.get("VP_BASE_URL") or DEFAULT_BASE_URL
    with Client(key_from_environment() or load(base_url), base_url) as client:
        machines = ended_leases(client.machines.list(), client.now())
        now, failed = client.now(), 0
        for machine in machines:
            what = f"{plain(machine.label)} ({machine.id}), {machine.rate_hourly} USD per hour"
            if arguments.dry_run:
                print(f"would end {what}")
                continue
            try:  # one that cannot be ended keeps no other alive
                if client.machines.end_if(machine, lambda one: bool(ended_leases([one], now))):
                    print(f"ended {what}")
            except VoltageParkError as error:
                failed += 1
                print(f"vp-jupyter: not ended: {what}: {plain(str(error))}", file=sys.stderr)
    return 1 if failed else 0


def notebooks() -> list[Path]:
    """The notebooks that came with the package, or those beside it in a checkout."""
    packaged = Path(str(resources.files(__package__) / "notebooks"))
    folder = packaged if packaged.is_dir() else Path(__file__).parent.parent / "notebooks"
    return sorted(folder.glob("*.ipynb"))


def _without_keys(environment: os._Environ[str]) -> dict[str, str]:
    """The environment without any key for the real service: the demo must not be able to spend."""
    from .api import KEY_VARIABLES

    return {name: value for name, value in environment.items() if name not in KEY_VARIABLES}


def _remark(sentences: Sequence[str]) -> None:
    """Say what this computer does not let the sandbox do, and not to a shell that takes our output."""
    for sentence in sentences:
        print(f"vp-jupyter: {sentence}", file=sys.stderr, flush=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _until_stopped() -> None:
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    stopped.wait()


def _wait_for(lab: subprocess.Popen[bytes]) -> int:
    """Wait for JupyterLab to end, or for someone to end us."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    try:
        return lab.wait()
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
