"""What all panels are: a view of readings that refresh, work that leaves the kernel free, a form without
widgets."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipywidgets as widgets
from IPython.core.getipython import get_ipython
from IPython.display import display

from ..actions.notices import overdue, standing, warning
from ..api import VoltageParkError
from ..costs import ended_leases, runway
from ..formats import burn_rate, cents, escaped, plain, span
from ..magics import session_of
from ..refused import Refused
from ..session import Session
from .foot import Foot
from .refresh import Refresh, read

# The static form stands before the widget. It is hidden while the widget lives; where the widget is dead (no
# kernel, no widgets) the box that would say so is hidden.
_STATIC = """\
<style>
.jp-OutputArea-child:has(> .jp-OutputArea-output .vp-static):has(+ .jp-OutputArea-child .vp-panel),
.jp-OutputArea-child:has(> .jp-OutputArea-output .vp-static)
  + .jp-OutputArea-child:has(.jupyter-widgets, .jp-OutputArea-output):not(:has(.vp-panel)) {{ display: none }}
</style>
<div class="vp-static">{form}</div>"""

_STATIC_FOR = 60.0  # seconds that the static form may be behind


class Panel:
    """A panel: show it by making it the last expression of a cell. `close` ends it; so does running its cell
    again. `widget` is the ipywidget, to put it into another layout."""

    needs: frozenset[str] = frozenset({"machines", "burn", "balance", "budgeted"})
    title = ""

    def __init__(self, session: Session | None = None) -> None:
        if session is None:
            shell = get_ipython()
            if shell is None:
                raise Refused("A panel needs IPython: vp_jupyter.Client works without it.")
            session = session_of(shell)
        self.session = session
        self.readings: Mapping[str, Any] = {}
        self._refresh = Refresh.of(session)
        self._working = threading.Lock()
        self._shown: Any = None  # the display of the static form
        self._static_since = 0.0
        self.foot = Foot(comes_back=self._refresh.now)
        self._heading = widgets.HTML()
        self.widget = widgets.VBox([self._heading, *self.build(), self.foot])
        self.widget.add_class("vp-panel")

    # --- what a panel says of itself ---

    def build(self) -> Sequence[widgets.Widget]:
        """Its controls."""
        raise NotImplementedError

    def update(self) -> None:
        """Show `readings`."""
        raise NotImplementedError

    def table(self) -> Any:
        """What it shows where there are no widgets."""
        raise NotImplementedError

    def enable(self, ready: bool) -> None:
        """Let the controls be used, or (while something is being done) not."""

    # --- showing ---

    def _ipython_display_(self) -> None:
        try:
            self.receive(read(self.session, self.needs))
        except (VoltageParkError, Refused) as error:
            self.fail(str(error))
        except KeyboardInterrupt:
            self.fail("Interrupted: nothing was read yet.")
        shell = get_ipython()
        in_notebook = shell is not None and hasattr(shell, "kernel")
        self._static_since = time.monotonic()
        shown = display(self._static(), raw=True, display_id=True)
        if in_notebook:
            self._shown = shown
            _Cells.of(self.session).replace(self)
            display(self.widget)
            self._refresh.add(self)

    def close(self) -> None:
        """End it: it refreshes no more, and its widgets are gone."""
        self._refresh.remove(self)
        _close(self.widget)

    def _static(self) -> dict[str, str]:
        return {"text/html": self._form(), "text/plain": self._text()}

    def _form(self) -> str:
        table = self.table()
        shown = "" if table is None else table._repr_html_()
        note = "" if self.foot.tone != "error" else f"<p>{escaped(self.foot.status)}</p>"
        return _STATIC.format(form=f"{self._heading.value}{shown}{note}")

    def _text(self) -> str:
        table = self.table()
        lines = [self.title, self._summary(), "" if table is None else repr(table)]
        if self.foot.tone == "error":
            lines.append(plain(self.foot.status))
        return "\n".join(line for line in lines if line)

    # --- reading ---

    @property
    def is_watched(self) -> bool:
        """Whether anybody looks at it."""
        return self.foot.is_watched

    def receive(self, readings: Mapping[str, Any]) -> None:
        """Show what was read."""
        self.readings = readings
        parts = [f"<h3>{escaped(self.title)}</h3>", *(f"<div>{escaped(one)}</div>" for one in self._notes())]
        self._heading.value = f'<div class="mathjax_ignore tex2jax_ignore">{"".join(parts)}</div>'
        self.update()
        if self.foot.tone == "error" and not self._working.locked():
            self.foot.tell("")
        if self._shown is not None and time.monotonic() - self._static_since > _STATIC_FOR:
            # Not each time: the front end takes the notebook for changed by it.
            self._static_since = time.monotonic()
            self._shown.update(self._static(), raw=True)

    def fail(self, sentence: str) -> None:
        """Say why nothing newer is shown."""
        if not self._working.locked():
            self.foot.tell(sentence, "error")

    def _notes(self) -> list[str]:
        """What everybody who looks is told."""
        notes = [self._summary()]
        readings = self.readings
        if over := ended_leases(readings.get("machines", ()), self.session.client.now()):
            notes.append(f"{overdue(over)} %vp reap ends what is not wanted any more.")
        if "burn" in readings and (note := warning(standing(readings["budgeted"], readings["burn"]))):
            notes.append(note)
        return [note for note in notes if note]

    def _summary(self) -> str:
        readings = self.readings
        if "burn" not in readings:
            return ""
        machines, burn, balance = (readings[name] for name in ("machines", "burn", "balance"))
        lasts = runway(balance, burn)
        until = "" if lasts is None else f", lasts {span(lasts)} at that rate"
        number = f"{len(machines)} machine{'' if len(machines) == 1 else 's'}"
        where = " On this computer's sandbox: no real money." if self.session.on_loopback else ""
        return (
            f"{number} · everything costs {burn_rate(burn)}, {cents(24 * burn)} a day · "
            f"balance {cents(balance)}{until}.{where}"
        )

    # --- working ---

    def work(self, doing: str, act: Callable[[], str | None]) -> None:
        """Do something that takes a while in a thread, one thing at a time; what it gives is said, and so is
        why it failed. A second call meanwhile does nothing: a button that was pressed twice."""
        if not self._working.acquire(blocking=False):
            return
        self.foot.tell(doing, "busy")
        self.enable(False)
        self.in_background(lambda: self._work(act))

    def in_background(self, act: Callable[[], None]) -> None:
        """Do something in a thread beside everything else."""
        threading.Thread(target=act, name="vp-panel", daemon=True).start()

    def _work(self, act: Callable[[], str | None]) -> None:
        said, tone = "", "calm"
        try:
            said = act() or ""
        except (VoltageParkError, Refused) as error:
            said, tone = str(error), "error"
        except Exception as error:
            said, tone = f"That failed, by a fault of vp_jupyter's: {type(error).__name__}.", "error"
            raise
        finally:
            self._working.release()
            self.foot.tell(said, tone)
            self.enable(True)
            self._refresh.now()


class _Cells:
    """Which panel is in which cell: one that is run again takes the place of the one before."""

    @classmethod
    def of(cls, session: Session) -> _Cells:
        found: _Cells = session.parts.setdefault(cls, cls())
        return found

    def __init__(self) -> None:
        self._panels: dict[tuple[str, type], Panel] = {}

    def replace(self, panel: Panel) -> None:
        """The panel is shown by the cell that runs now."""
        shell: Any = get_ipython()
        parent = shell.get_parent() if hasattr(shell, "get_parent") else {}
        cell = str(parent.get("metadata", {}).get("cellId", ""))
        before = self._panels.pop((cell, type(panel)), None)
        if before is not None and before is not panel and cell:
            before.close()
        self._panels[cell, type(panel)] = panel

    def close(self) -> None:
        for panel in self._panels.values():
            panel.close()
        self._panels.clear()


def _close(widget: Any) -> None:
    for child in getattr(widget, "children", ()):
        _close(child)
    widget.close()
