"""Fitting what is known of pairs without any context: a line in their relative structure.

Designs have few such pairs, all much alike, so whatever learns the nets themselves learns the designs. A
ridge whose strength is chosen on designs left out keeps what carries over.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from circuitgcl.data.tensors import DesignTensors
from circuitgcl.models.capacitance import CapacitanceModel
from circuitgcl.models.scaling import FLOOR_FF

LEAST_LABELS = 10
STRENGTHS = np.logspace(0, 4, 9)
FOLDS = 6


def fit_distant(model: CapacitanceModel, designs: Sequence[DesignTensors]) -> None:
    """Set the line of a model by labelled pairs without context, if two designs have enough of them."""
    inputs, decades, groups = [], [], []
    for number, design in enumerate(designs):
        assert design.labels is not None
        present = design.labels.distant_ff > 2 * FLOOR_FF  # what designers look at
        inputs.append(model.distant_inputs(design, design.labels.distant_encoding[present]).numpy())
        decades.append(torch.log10(design.labels.distant_ff[present]).numpy())
        groups += [number] * int(present.sum())
    x, y = np.concatenate(inputs).astype(np.float64), np.concatenate(decades).astype(np.float64)
    kinds = len(set(groups))
    if len(y) < LEAST_LABELS or kinds < 2:
        return
    search = GridSearchCV(
        make_pipeline(StandardScaler(), Ridge()),
        {"ridge__alpha": STRENGTHS},
        cv=GroupKFold(min(FOLDS, kinds)),
        scoring="neg_mean_squared_error",
    )
    scale, line = search.fit(x, y, groups=groups).best_estimator_
    weights = line.coef_ / scale.scale_
    model.set_distant_line(weights, float(line.intercept_ - scale.mean_ @ weights))
