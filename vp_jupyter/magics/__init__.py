"""%vp and %%vp: the magics themselves. What they do is in the modules beside this one, imported when used."""

from __future__ import annotations

import atexit
import re
import threading
import time
from typing import TYPE_CHECKING, Any

from IPython.core.completer import (
    CompletionContext,
    SimpleCompletion,
    SimpleMatcherResult,
    context_matcher,
)
from IPython.core.magic import Magics, line_cell_magic, magics_class

from ..settings import Settings

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ..session import Session


class CommandFailed(Exception):
    """A command that failed, shown as its sentence alone. `%vp --debug` shows the rest."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


@magics_class
class VP(Settings, Magics):
    """Voltage Park in this notebook; the settings are set with ``%config VP.name = value``."""

    _session: Session | None = None

    @property
    def session(self) -> Session:
        """This notebook's session."""
        if self._session is None:
            from ..session import Session

            self._session = Session(self)
        return self._session

    @line_cell_magic
    def vp(self, line: str, cell: str | None = None) -> Any:
        """Find, launch, list, reach and price GPU machines: see ``%vp help``."""
        try:
            from .run import run

            return run(self.session, line, cell)
        except KeyboardInterrupt:
            message = "Interrupted. What had been asked for may have been done: see %vp ls."
        raise CommandFailed(message)

    def close(self) -> None:
        """End what the session has started."""
        if self._session is not None:
            self._session.close()
            self._session = None


def load(shell: InteractiveShell) -> None:
    """Register the magics and their completion; loading again changes nothing."""
    if isinstance(_registered(shell), VP):
        return
    magics = VP(shell=shell)
    shell.register_magics(magics)

    shell.Completer.custom_matchers.append(_matcher(magics))
    atexit.register(magics.close)
    if hasattr(shell, "kernel"):  # in the background: loading is instant
        threading.Thread(target=_look_at_leases, args=(magics,), name="vp-leases", daemon=True).start()


def session_of(shell: InteractiveShell) -> Session:
    """The session of a shell; the extension is loaded there, where it is not yet."""
    if not isinstance(_registered(shell), VP):
        shell.run_line_magic("load_ext", "vp_jupyter")
    magics = _registered(shell)
    assert isinstance(magics, VP)
    return magics.session


def _matcher(magics: VP) -> Any:
    """What TAB offers on a %vp line, in place of Python's names, files and other magics."""

    @context_matcher(identifier=_MATCHER)  # type: ignore[untyped-decorator]
    def match(context: CompletionContext) -> SimpleMatcherResult:
        began = time.monotonic()
        if not _LINE.match(context.text_until_cursor):
            return {"completions": []}
        from .completion import complete

        begun, offers = complete(magics, context.text_until_cursor, began=began)
        found = [SimpleCompletion(offer, type="param") for offer in offers]
        return {"completions": found, "suppress": True, "matched_fragment": begun}

    return match


_MATCHER = "vp_jupyter"
_LINE = re.compile(r"^(?:.*=\s*)?%%?vp\s")


def _look_at_leases(magics: VP) -> None:
    from .leases import point_out

    point_out(magics.session)


def unload(shell: InteractiveShell) -> None:
    """Take the magics away again."""
    magics = _registered(shell)
    if isinstance(magics, VP):
        magics.close()
        matchers = shell.Completer.custom_matchers
        matchers[:] = [one for one in matchers if getattr(one, "matcher_identifier", "") != _MATCHER]
        shell.configurables.remove(magics)  # type: ignore[arg-type]
        for kind in ("line", "cell"):
            shell.magics_manager.magics[kind].pop("vp", None)
        shell.magics_manager.registry.pop("VP", None)


def _registered(shell: InteractiveShell) -> object:
    return shell.magics_manager.registry.get("VP")
