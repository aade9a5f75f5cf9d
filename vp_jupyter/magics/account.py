"""Commands about who you are: login, logout, whoami, sandbox, help."""

from __future__ import annotations

import shutil
import textwrap
from argparse import Namespace
from typing import Any

from .. import keychain
from ..api import Client, VoltageParkError, together
from ..cards import Card, Note
from ..costs import runway
from ..formats import burn_rate, cents, span
from ..refused import Refused
from ..session import Session
from .dialogue import ask_secret
from .grammar import COMMANDS, arg, command

GROUP = "Account"


@command("login", arg("--no-save", action="store_true", help="for this session only"), group=GROUP)
def login(session: Session, args: Namespace) -> Any:
    """Ask for an API key, hidden, check it, and keep it in the system keyring."""
    if session.sandbox is not None:
        raise Refused(
            "This notebook talks to the sandbox, which needs no login; %vp sandbox --stop ends that."
        )
    key = ask_secret("Voltage Park API key: ")
    if not key:
        raise Refused("No key was given; nothing has changed.")
    with Client(key, session.base_url) as candidate:
        organization = candidate.organization.get()
    session.login(key)
    kept = not args.no_save and keychain.save(session.base_url, key)
    where = "It is kept in the system keyring." if kept else "It is kept for this session only."
    return Note(f"Logged in to {organization.name or 'your organization'}. {where}")


@command("logout", group=GROUP)
def logout(session: Session, args: Namespace) -> Any:
    """Forget the key, in this session and in the system keyring, and what is kept of its account here."""
    if session.key()[0] and session.archive is not None:
        session.archive.forget()
    session.login(None)
    kept = keychain.forget(session.base_url)
    rest = " The environment still sets one." if session.key()[0] else ""
    return Note(f"The key is forgotten{', in the system keyring too' if kept else ''}.{rest}")


@command(
    "whoami",
    arg("--notify", nargs="+", metavar="EMAIL", help="replace the addresses that get billing notices"),
    group=GROUP,
)
def whoami(session: Session, args: Namespace) -> Any:
    """The organization, its balance and what it burns now."""
    client = session.client
    organization, balance, rate_hourly = together(
        (lambda: client.organization.notify(args.notify)) if args.notify else client.organization.get,
        client.billing.balance,
        client.billing.hourly_rate,
    )
    left = runway(balance, rate_hourly)
    return Card(
        organization.name or "Your organization",
        {
            "balance": cents(balance),
            "burn": burn_rate(rate_hourly),
            "lasts": span(left) if left is not None else "",
            "billing notices to": ", ".join(organization.billing_notification_target_emails),
            "organization id": organization.id or "",
            "service": client.base_url + (" (this computer: no real money)" if session.on_loopback else ""),
            "key from": session.key()[1],
        },
    )


@command(
    "sandbox",
    arg("--seed", type=int, default=7, help="which cloud: its machines, names and history (default 7)"),
    arg("--time-scale", type=float, default=60.0, help="simulated seconds in a second (default 60)"),
    arg("--new", action="store_true", help="start one even where this notebook already has one"),
    arg(
        "--unconfined-machines",
        action="store_true",
        help="let commands on its machines run as you do where they cannot be confined",
    ),
    arg("--stop", action="store_true", help="end it and talk to the service again"),
    group=GROUP,
)
def sandbox(session: Session, args: Namespace) -> Any:
    """A local Voltage Park with machines, stock and months of billing, where nothing costs anything.

    Starts one in this notebook's kernel and points this notebook at it.
    """
    if args.stop:
        if session.sandbox is None:
            raise Refused("No sandbox was started here.")
        session.enter(None)
        return Note(f"The sandbox has ended; this notebook talks to {session.base_url} again.")
    if session.on_loopback and not args.new:
        try:
            name = session.client.organization.get().name
        except VoltageParkError:
            pass  # whatever was there has ended: start our own
        else:
            return Note(
                f"This notebook is on a sandbox ({name}) at {session.base_url}; nothing here costs money."
            )
    if not args.time_scale > 0:
        raise Refused("The time scale is a number above zero.")
    try:
        from ..sandbox import Sandbox
    except ImportError as error:
        raise Refused(str(error)) from None
    started = Sandbox(
        seed=args.seed, time_scale=args.time_scale, unconfined_machines=args.unconfined_machines
    )
    started.start()
    session.enter(started)
    return Note(
        f"A sandbox is running at {started.base_url}, and this notebook uses it: nothing here costs money. "
        + " ".join([f"An hour passes there in {3600 / args.time_scale:,.0f} s.", *started.remarks])
    )


@command("help", arg("words", nargs="*", metavar="command", help="what to explain"), group=GROUP)
def help(session: Session, args: Namespace) -> Any:
    """All commands, or one of them explained."""
    from .run import families, parser

    order = [family.GROUP for family in families()]
    if args.words:
        if tuple(args.words) not in COMMANDS:
            raise Refused(f"There is no command {' '.join(args.words)!r}. See %vp help.")
        parser(args.words[0]).parse_args([*args.words, "-h"])
    width, group = shutil.get_terminal_size((100, 24)).columns, ""
    usage = "%vp COMMAND [ARGUMENTS], and %vp COMMAND -h for each. TAB completes commands, flags and names."
    print(textwrap.fill(usage, width), end="\n\n")
    for known in sorted(COMMANDS.values(), key=lambda known: order.index(known.group)):
        if known.group != group:
            group = known.group
            print(f"{group}")
        words = f"  {' '.join(known.words):<16} "
        print(textwrap.fill(known.summary, width, initial_indent=words, subsequent_indent=" " * len(words)))
    return None
