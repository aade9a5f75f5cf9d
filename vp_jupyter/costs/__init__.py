"""What machines cost: pure functions from DataFrames to DataFrames, usable without a notebook.

Every function states the columns it needs and gives; money is exact, in USD; times and periods are UTC.
"""

import lazy_loader

# What `__init__.pyi` names is imported when it is first asked for: a listing needs none of the forecasts.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
