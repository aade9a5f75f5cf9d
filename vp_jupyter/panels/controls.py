"""Labelled controls, made alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as widgets


def button(label: str, press: Callable[[], None], *, kind: str = "", tooltip: str = "") -> widgets.Button:
    """A button; `kind` is ``primary``, ``danger`` or nothing."""
    made = widgets.Button(description=label, tooltip=tooltip)
    if kind:
        made.add_class(f"vp-{kind}")
    made.on_click(lambda _: press())
    return made


def field(label: str, *, value: str = "", placeholder: str = "", width: str = "14em") -> widgets.Text:
    """A line of text under its label."""
    return _labelled(widgets.Text(value=value, placeholder=placeholder, description=label), width)


def choice(
    label: str, options: Sequence[tuple[str, Any]], *, value: Any = None, width: str = "auto"
) -> widgets.Dropdown:
    """One of several, each with its words; the first where no value is given."""
    chosen = options[0][1] if value is None and options else value
    return _labelled(widgets.Dropdown(options=options, value=chosen, description=label), width)


def line(*parts: widgets.Widget) -> widgets.HBox:
    """Controls side by side, which wrap where it is narrow."""
    box = widgets.HBox(parts)
    box.add_class("vp-line")
    return box


def _labelled(control: Any, width: str) -> Any:
    control.add_class("vp-field")
    control.style.description_width = "auto"
    control.layout.width = width
    return control
