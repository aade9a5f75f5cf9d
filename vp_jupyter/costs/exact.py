"""Money as whole numbers: exact, and as fast as floats.

An Arrow ``decimal128`` is a whole number of its smallest unit (a millionth of a dollar, with six places).
Sums, groups and shares are taken of those numbers, so nothing is rounded that the function does not say it
rounds. Amounts below a trillion dollars fit, and sums up to 9.2 trillion.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

Ints = np.ndarray[Any, np.dtype[np.int64]]
PLACES = 6  # of USD: the unit is a millionth
_BLOCK = 1 << 16  # rows


def units(column: pd.Series[Any], places: int = PLACES) -> Ints:
    """A column of money as whole units of ``10**-places`` USD; what is missing counts as nothing.

    Raises `ValueError` where an amount has more places than that or does not fit.
    """
    array = pa.array(column, from_pandas=True)
    money = pa.decimal128(18, places)  # of which each fits into 64 bits
    if array.type != money:
        array = array.cast(money)  # refuses to drop a digit that is not zero
    return np.concatenate([_units(one) for one in getattr(array, "chunks", [array])] or [np.zeros(0, "<i8")])


def _units(array: pa.Array) -> Ints:
    _, data = array.buffers()
    # 128-bit little-endian numbers: the low half is the number where it fits, the high half only its sign.
    low = np.frombuffer(data, dtype="<i8")[2 * array.offset : 2 * (array.offset + len(array)) : 2]
    return np.where(np.asarray(array.is_valid()), low, 0) if array.null_count else low


def amounts(values: Ints, places: int = PLACES) -> pd.api.extensions.ExtensionArray:
    """Whole units as a column of money; the opposite of `units`."""
    low = np.ascontiguousarray(values, dtype="<i8")
    halves = np.empty(2 * len(low), dtype="<i8")
    halves[0::2], halves[1::2] = low, low >> 63
    array = pa.Array.from_buffers(pa.decimal128(18, places), len(low), [None, pa.py_buffer(halves)])
    return pd.array(array, dtype=pd.ArrowDtype(array.type))


def shares(
    amount: Ints,
    upto: Ints,
    whole: Ints,
) -> Ints:
    """``amount * upto / whole`` in whole units, rounded toward zero: what has been used up when `upto` of
    `whole` has passed. Differences of it are parts that sum to the amount. `whole` is from 1 to 3 * 10**9 (34
    days in milliseconds), so that nothing overflows."""
    sign: Ints = np.sign(amount)
    quotient, rest = np.divmod(np.abs(amount), whole)
    return sign * (quotient * upto + rest * upto // whole)


def summed(groups: Ints, values: Ints, number: int) -> Ints:
    """The sum of the values of each group from 0 to before `number`: exact, as fast as numpy counts.

    `numpy.bincount` adds floats, which are exact where no sum can reach 2**53: where it could, the block is
    added as whole numbers. A block fits into the processor's cache.
    """
    sums = np.zeros(number, dtype=np.int64)
    step = max(_BLOCK, number)
    for at in range(0, len(groups), step):
        group, value = groups[at : at + step], values[at : at + step]
        most = max(int(value.max()), -int(value.min()))
        if len(value) * most < 2**53:
            sums += np.bincount(group, value, number).astype(np.int64)
        else:
            np.add.at(sums, group, value)
    return sums
