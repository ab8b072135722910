"""Which held-out errors make the error laws."""

from __future__ import annotations

import numpy as np
import pytest

from circuitgcl.finetuning.held_out import ENOUGH_NEW, HeldOutErrors
from circuitgcl.models.memory import Source


def rows(error: float, source: Source, count: int, *, forgotten: bool) -> np.ndarray:
    """Errors of that size to either side."""
    residual = np.tile([-error, error], count // 2)
    columns = [residual, np.full(count, source), np.ones(count), np.zeros(count), np.full(count, forgotten)]
    return np.stack(columns).astype(np.float64)


@pytest.mark.parametrize(("new", "reach"), [(ENOUGH_NEW, 0.5), (ENOUGH_NEW - 2, 0.1)])
def test_forgotten_cells_stand_in_for_new_ones_only_where_these_are_few(new: int, reach: float) -> None:
    """Trees have seen the cells that a model is made to forget, so it is less wrong about them."""
    errors = HeldOutErrors()
    for kind in (errors.coupling, errors.load):
        kind += [
            rows(0.02, Source.MEMORY, 200, forgotten=False),
            rows(0.1, Source.NETWORK, 2000, forgotten=True),
            rows(0.5, Source.NETWORK, new, forgotten=False),
        ]
    errors.existence.append(np.zeros((3, 0)))
    for law in errors.laws():
        low, high = (float(law.quantiles[Source.NETWORK, place]) for place in (1, -2))
        assert (-low, high) == pytest.approx((reach, reach))
    count = new if reach == 0.5 else new + 2000
    assert errors.metrics()["coupling_network"]["n"] == errors.metrics()["net_load_network"]["n"] == count
