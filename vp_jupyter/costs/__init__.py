"""What machines cost: pure functions, usable without a notebook."""

from .quote import HOURS_PER_MONTH, Quote, quote, runway

__all__ = ["HOURS_PER_MONTH", "Quote", "quote", "runway"]
