"""Deep comparison of records, for round trips."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np


def assert_same(one: Any, other: Any, place: str = "") -> None:
    """Both are the same to the last bit: types, shapes, values, and NaN where NaN is."""
    assert type(one) is type(other) or isinstance(one, Path), place
    if dataclasses.is_dataclass(one):
        for field in dataclasses.fields(one):
            assert_same(getattr(one, field.name), getattr(other, field.name), f"{place}.{field.name}")
    elif isinstance(one, np.ndarray):
        assert (one.dtype, one.shape) == (other.dtype, other.shape), place
        assert one.tobytes() == other.tobytes(), place
    elif isinstance(one, tuple):
        assert len(one) == len(other), place
        for number, (left, right) in enumerate(zip(one, other, strict=True)):
            assert_same(left, right, f"{place}[{number}]")
    else:
        assert one == other or (one != one and other != other), place
