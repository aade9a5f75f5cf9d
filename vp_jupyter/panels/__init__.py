"""ipywidgets panels: launch, watch and price machines with the mouse, explore what they cost."""

from .fleet import Machines
from .launcher import Launcher
from .panel import Panel
from .prices import Prices
from .spending import Costs

__all__ = ["Costs", "Launcher", "Machines", "Panel", "Prices"]
