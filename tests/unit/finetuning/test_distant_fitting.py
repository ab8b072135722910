from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression

from circuitgcl.finetuning.distant_fitting import fit_distant
from circuitgcl.graph.pair_encodings import pair_encoding_schema
from circuitgcl.models.capacitance import CapacitanceModel

COLUMNS = len(pair_encoding_schema())
LN10 = np.log(10.0)


def design(seed: int, count: int, technology_log: float, offset: float = 0.0) -> Any:
    """As much of a design as the fit looks at: pairs that follow one line, apart from the design's offset."""
    generator = np.random.default_rng(seed)
    encoding = generator.normal(size=(count, COLUMNS))
    decades = -1.2 + 0.3 * encoding[:, 0] - 0.2 * encoding[:, 5] + 0.1 * technology_log + offset
    labels = SimpleNamespace(
        distant_encoding=torch.from_numpy(encoding).float(), distant_ff=torch.from_numpy(10**decades).float()
    )
    return SimpleNamespace(labels=labels, technology_log=technology_log, decades=decades)


def error(model: CapacitanceModel, judged: Any) -> float:
    estimate = model.distant(judged, judged.labels.distant_encoding) / LN10
    return float((estimate - torch.from_numpy(judged.decades)).abs().mean())


@pytest.fixture
def model() -> CapacitanceModel:
    return CapacitanceModel()


def test_a_line_is_recovered(model: CapacitanceModel) -> None:
    judged = design(9, 50, 0.3)
    before = error(model, judged)
    fit_distant(model, [design(seed, 200, technology) for seed, technology in enumerate((-1.0, 0.0, 0.5))])
    assert error(model, judged) < 0.03 < before


def test_unseen_designs_are_better_off_than_with_least_squares(model: CapacitanceModel) -> None:
    """Inputs that only tell the training designs apart explain their offsets, and mislead elsewhere."""

    def of_family(seed: int) -> Any:
        generator = np.random.default_rng(100 + seed)
        one = design(seed, 60, 0.0, offset=float(generator.normal(scale=0.4)))
        one.labels.distant_encoding[:, 10:30] = torch.from_numpy(generator.normal(size=20)).float()
        return one

    training, unseen = [of_family(seed) for seed in range(6)], [of_family(seed) for seed in range(6, 12)]
    x = torch.cat([model.distant_inputs(one, one.labels.distant_encoding) for one in training]).numpy()
    line = LinearRegression().fit(x, np.concatenate([one.decades for one in training]))
    fit_distant(model, training)
    ridge = np.mean([error(model, one) for one in unseen])
    model.set_distant_line(line.coef_, float(line.intercept_))
    assert ridge < np.mean([error(model, one) for one in unseen])


def test_labels_below_the_floor_and_too_few_teach_nothing(model: CapacitanceModel) -> None:
    start = model.distant_line.weight.clone(), model.distant_line.bias.clone()
    dark = design(0, 100, 0.0)
    dark.labels.distant_ff[:] = 1e-4
    fit_distant(model, [dark, design(1, 9, 0.0)])
    fit_distant(model, [design(2, 100, 0.0)])
    assert torch.equal(model.distant_line.weight, start[0])
    assert torch.equal(model.distant_line.bias, start[1])
