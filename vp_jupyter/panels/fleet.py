"""The fleet: every machine, what it costs, and what can be done to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import ipywidgets as widgets

from .. import listings
from ..actions import changes, launching
from ..actions.changes import Change
from ..api import Machine
from ..costs import lease_end
from ..refused import Refused
from ..views import Table
from .controls import button, field, line
from .grid import Grid
from .panel import Panel


class Machines(Panel):
    """All machines; start, stop, release, reboot, rename, tag, end and reach the one that is chosen."""

    title = "Machines"

    def build(self) -> Sequence[widgets.Widget]:
        self.grid = Grid(label="Machines", empty="No machines: %vp panel launches one.")
        self.grid.observe(lambda _: self._chosen_changed(), "selected")
        self.buttons = {
            "start": button("Start", partial(self._change, "start")),
            "stop": button("Stop", partial(self._change, "stop"), tooltip="It goes on billing in full"),
            "release": button("Release", partial(self._change, "release"), tooltip="Only storage is billed"),
            "reboot": button("Reboot", partial(self._change, "reboot")),
            "end": button("Delete", partial(self._change, "end"), kind="danger"),
            "connect": button("Connect", self._connect, tooltip="Put the ssh cell below"),
            "copy": button("Copy ssh line", self._copy),
        }
        self.name = field("Name")
        self.tags = field("Tags, with commas", width="20em")
        self.rename = button("Rename", self._rename)
        self.tag = button("Set tags", self._set_tags)
        self._ready = True
        self._chosen_changed()
        return [
            self.grid,
            line(*self.buttons.values()),
            line(self.name, self.rename, self.tags, self.tag),
        ]

    def update(self) -> None:
        now = self.session.client.now()

        def tone(row: Any) -> str:
            end = lease_end(row["tags"])
            return "warning" if (end is not None and end <= now) or row["status"] == "Failed" else ""

        self.grid.show(
            listings.machines(self.readings["machines"], now),
            without=("id",),
            key=lambda row: row["id"],
            name=lambda row: row["name"],
            tone=tone,
        )
        self._enable_buttons()

    def table(self) -> Table | None:
        if "machines" not in self.readings:
            return None
        return listings.machines(self.readings["machines"], self.session.client.now())

    # --- the one that is chosen ---

    @property
    def chosen(self) -> Machine | None:
        """The machine of the row that is chosen."""
        machines: Sequence[Machine] = self.readings.get("machines", ())
        return next((one for one in machines if one.id == self.grid.selected), None)

    def enable(self, ready: bool) -> None:
        self._ready = ready
        self._enable_buttons()

    def _chosen_changed(self) -> None:
        machine = self.chosen
        self.name.value = machine.name if machine else ""
        self.tags.value = ", ".join(machine.tags) if machine else ""
        self._enable_buttons()

    def _enable_buttons(self) -> None:
        machine = self.chosen
        usable = self._ready and machine is not None
        status = machine.status if machine else ""
        is_vm = machine is not None and machine.kind == "vm"
        can = {
            "start": status in ("Stopped", "StoppedDisassociated"),
            "stop": status == "Running",
            "release": is_vm and status in ("Running", "Stopped"),
            "reboot": status == "Running",
            "connect": status == "Running",
            "copy": status == "Running",
        }
        for name, one in self.buttons.items():
            one.disabled = not (usable and can.get(name, True))
        for control in (self.name, self.tags, self.rename, self.tag):
            control.disabled = not usable

    # --- what is done to it ---

    def _require(self) -> Machine:
        machine = self.chosen
        if machine is None:
            raise Refused("Choose a machine first.")
        return machine

    def _change(self, what: str) -> None:
        machine = self.chosen
        if machine is None:
            return
        prepare: dict[str, Callable[[], Change]] = {
            "start": lambda: changes.start(self.session, [machine]),
            "stop": lambda: changes.stop(self.session, [machine]),
            "release": lambda: changes.release(self.session, [machine]),
            "reboot": lambda: changes.reboot(self.session, machine),
            "end": lambda: changes.end(self.session, [machine]),
        }

        def ask() -> None:
            change = prepare[what]()
            self.foot.ask(
                change.question,
                self.buttons[what].description,
                lambda: self._carry_out(change, follow=what in ("start", "reboot")),
                danger=what == "end",
            )

        self.work(f"{self.buttons[what].description} {machine.label}: what that means…", ask)

    def _carry_out(self, change: Change, *, follow: bool) -> None:
        machine = self.chosen

        def act() -> str:
            change.act(self._progress)
            self._refresh.now()
            if follow and machine is not None:
                up = launching.until_up(self.session, machine, progress=self._progress)
                return f"{up.label} is up."
            return change.done

        self.work(change.question.split("?")[0] + "…", act)

    def _progress(self, sentence: str) -> None:
        self.foot.tell(sentence, "busy")

    def _rename(self) -> None:
        name = self.name.value.strip()

        def act() -> str:
            machine = self._require()
            with self.session.changing():
                self.session.client.machines.operations(machine).update(machine.id, name=name)
            return f"{machine.label} is now called {name}."

        self.work("Renaming…", act)

    def _set_tags(self) -> None:
        tags = [one.strip() for one in self.tags.value.split(",") if one.strip()]

        def act() -> str:
            machine = self._require()
            with self.session.changing():
                self.session.client.machines.operations(machine).update(machine.id, tags=tags)
            return (
                f"{machine.label} has the tags {', '.join(tags)}."
                if tags
                else f"{machine.label} has no tags."
            )

        self.work("Setting tags…", act)

    def _connect(self) -> None:
        self.work("Connecting…", lambda: self.foot.insert(self.session.reach.ssh_cell(self._require())))

    def _copy(self) -> None:
        self.work(
            "The line for a terminal…",
            lambda: self.foot.show("\n".join(self.session.reach.ssh_lines(self._require()))),
        )
