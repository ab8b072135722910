"""What any model has to beat: the mean of a relation, and boosted trees on statistics of the two nets.

A baseline is fitted on designs and estimates others, in the form every method is scored in
(`circuitgcl.evaluation.protocol`). Equal rows are merged and weighted: arrays repeat themselves, and the
squared error of equal inputs depends on the mean of their targets only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from circuitgcl.data.pair_tables import FARAD_PER_FEMTO, RELATIONS, PairTable, PairView
from circuitgcl.errors import DataError
from circuitgcl.evaluation.protocol import MIN_CAP_FARAD, DesignEstimate
from circuitgcl.graph.hashing import distinct_rows
from circuitgcl.models.scaling import FLOOR_FF

FloatArray = NDArray[np.float64]
MIN_CAP_FF = MIN_CAP_FARAD / FARAD_PER_FEMTO


@dataclass(frozen=True, kw_only=True, eq=False)
class RelationMean:
    """Geometric mean of the couplings of a relation, how often it couples, and the mean load of all nets."""

    decades: FloatArray  # [relations] log10 of femtofarad
    share: FloatArray  # [relations] of the candidates that couple
    load_decades: float

    @classmethod
    def fit(cls, tables: Sequence[PairTable]) -> RelationMean:
        """Means over the labelled pairs of some designs.

        Raises:
            DataError: no coupling or no load above the floor.
        """
        relation = np.concatenate([table.relation for table in tables])
        truth = np.concatenate([table.truth_ff for table in tables])
        present = truth > FLOOR_FF
        load = np.concatenate([_loads(table) for table in tables])
        load = np.log10(load[load > FLOOR_FF])
        if not present.any() or not len(load):
            raise DataError(f"no coupling or no load above {FLOOR_FF:g} fF to learn a mean from")
        overall = float(np.log10(truth[present]).mean())
        decades = [_mean(np.log10(truth[present & (relation == r)]), overall) for r in range(len(RELATIONS))]
        share = [_mean((truth > MIN_CAP_FF)[(relation == r)], 0.0) for r in range(len(RELATIONS))]
        return cls(decades=np.array(decades), share=np.array(share), load_decades=float(load.mean()))

    def estimate(self, table: PairTable) -> DesignEstimate:
        """The means, pair by pair."""
        return DesignEstimate(
            coupling_farad=10.0 ** self.decades[table.relation] * FARAD_PER_FEMTO,
            probability=self.share[table.relation[: table.candidates]],
            load_farad=np.full(table.graph.circuit.net_count, 10.0**self.load_decades * FARAD_PER_FEMTO),
        )


def _mean(values: NDArray[np.generic], otherwise: float) -> float:
    return float(values.mean()) if len(values) else otherwise


def _loads(table: PairTable) -> FloatArray:
    """[N] extracted load in femtofarad, NaN where unknown."""
    assert table.design.labels is not None
    return table.design.labels.load_farad / FARAD_PER_FEMTO


@dataclass(frozen=True, kw_only=True)
class BaselineTreesConfig:
    """Settings of the boosted trees."""

    view: PairView = PairView.STRUCTURE
    iterations: int = 150
    learning_rate: float = 0.1
    leaves: int = 31
    columns: float = 0.5  # share of the inputs, drawn by the seed, that a node may split by
    seed: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class BoostedTrees:
    """Gradient-boosted trees (scikit-learn) for coupling, its existence, and load."""

    config: BaselineTreesConfig
    coupling: HistGradientBoostingRegressor
    existence: HistGradientBoostingClassifier
    load: HistGradientBoostingRegressor

    @classmethod
    def fit(cls, tables: Sequence[PairTable], config: BaselineTreesConfig) -> BoostedTrees:
        """Fit on the labels of some designs, log10 of femtofarad.

        Raises:
            DataError: no coupling above the floor, none below, or no load above it.
        """
        inputs = np.concatenate([table.inputs(config.view) for table in tables])
        truth = np.concatenate([table.truth_ff for table in tables])
        is_candidate = np.concatenate([np.arange(len(t.pair)) < t.candidates for t in tables])
        nets = np.concatenate([table.net_inputs(config.view) for table in tables])
        load = np.concatenate([_loads(table) for table in tables])
        present, loaded = truth > FLOOR_FF, load > FLOOR_FF
        known = is_candidate & np.isfinite(truth)
        couples = truth > MIN_CAP_FF
        if not present.any() or not loaded.any() or couples[known].all() or not couples[known].any():
            raise DataError(f"trees need couplings and loads above {FLOOR_FF:g} fF, and pairs without any")
        options = {
            "max_iter": config.iterations,
            "learning_rate": config.learning_rate,
            "max_leaf_nodes": config.leaves,
            "max_features": config.columns,
            "early_stopping": False,
            "random_state": config.seed,
        }
        coupling = merged(inputs[present], np.log10(truth[present]))
        loads = merged(nets[loaded], np.log10(load[loaded]))
        # a class of its own for either outcome of equal rows, weighted by how often it came out so
        outcome = np.column_stack([inputs[known], couples[known]])
        existence = merged(outcome.astype(np.float32), couples[known].astype(np.float64))
        return cls(
            config=config,
            coupling=HistGradientBoostingRegressor(**options).fit(
                coupling.inputs, coupling.target, coupling.count
            ),
            existence=HistGradientBoostingClassifier(**options).fit(
                existence.inputs[:, :-1], existence.target > 0, existence.count
            ),
            load=HistGradientBoostingRegressor(**options).fit(loads.inputs, loads.target, loads.count),
        )

    def estimate(self, table: PairTable) -> DesignEstimate:
        """What the trees say of a design."""
        inputs, nets = table.inputs(self.config.view), table.net_inputs(self.config.view)
        candidates = inputs[: table.candidates]
        return DesignEstimate(
            coupling_farad=10.0 ** predicted(self.coupling.predict, inputs) * FARAD_PER_FEMTO,
            probability=predicted(lambda rows: self.existence.predict_proba(rows)[:, 1], candidates),
            load_farad=10.0 ** predicted(self.load.predict, nets) * FARAD_PER_FEMTO,
        )


def predicted(
    predict: Callable[[NDArray[np.float32]], FloatArray], inputs: NDArray[np.float32]
) -> FloatArray:
    """Predictions of [I] rows; equal rows are predicted once."""
    if not len(inputs):
        return np.zeros(0)
    first, group = distinct_rows(inputs)
    return np.asarray(predict(inputs[first]), np.float64)[group]


@dataclass(frozen=True, kw_only=True, eq=False)
class MergedRows:
    """Distinct rows of inputs."""

    inputs: NDArray[np.float32]  # [R, F]
    target: FloatArray  # [R] mean over the equal rows
    count: FloatArray  # [R] how many these are


def merged(inputs: NDArray[np.float32], target: FloatArray) -> MergedRows:
    """Equal rows of [I, F] inputs merged, the mean of their [I] targets."""
    first, group = distinct_rows(inputs)
    count = np.bincount(group, minlength=len(first))
    total = np.bincount(group, weights=target, minlength=len(first))
    return MergedRows(inputs=inputs[first], target=total / count, count=count.astype(np.float64))
