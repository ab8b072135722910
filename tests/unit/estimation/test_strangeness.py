"""Warnings of designs unlike those a model was trained on: by technology, and by what its members doubt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from circuitgcl.estimation import Estimator
from circuitgcl.estimation.estimator import STRANGE_LENGTH, STRANGE_SHARE, strangeness
from circuitgcl.estimation.predicting import Prediction
from circuitgcl.graph import CircuitGraph, build_graph
from circuitgcl.models.checkpoint import ModelCheckpoint, load_model
from circuitgcl.models.contribution_trees import ContributionTrees
from circuitgcl.models.error_law import LARGEST_DOUBT
from circuitgcl.models.memory import ContextMemory
from circuitgcl.netlist import flatten, read_netlist

Build = Callable[..., ContributionTrees]
MICRO = 1e-6
CHANNEL_M = 0.05 * MICRO  # of the tiny netlist


@pytest.fixture
def graph(tiny_netlist: Path) -> CircuitGraph:
    return build_graph(flatten(read_netlist(tiny_netlist)))


@pytest.fixture
def checkpoint(tiny_model: Path, said_by: Build) -> ModelCheckpoint:
    """A model of the technology of the tiny netlist, whose members are a natural logarithm apart."""
    found = replace(load_model(tiny_model), channel_lengths_m=(CHANNEL_M, 7 * CHANNEL_M))
    found.model.coupling_memory = ContextMemory()
    found.model.coupling_trees, found.model.load_trees = said_by(-2.5, -1.5), said_by(-1.5, -0.5)
    return found


def usual(checkpoint: ModelCheckpoint, coupling: float, load: float) -> ModelCheckpoint:
    checkpoint.coupling_error.usual_doubt.fill_(coupling)
    checkpoint.load_error.usual_doubt.fill_(load)
    return checkpoint


def predicted(checkpoint: ModelCheckpoint, graph: CircuitGraph) -> Prediction:
    predictor = Estimator(checkpoint, "cpu").predictor
    return predictor.predict(predictor.tensors(graph), 1e-17)[0]


class TestTechnology:
    @pytest.mark.parametrize("known", [(CHANNEL_M,), (2 * CHANNEL_M, CHANNEL_M * STRANGE_LENGTH * 0.999), ()])
    def test_known_ones_pass(
        self, checkpoint: ModelCheckpoint, graph: CircuitGraph, known: tuple[float, ...]
    ) -> None:
        found = replace(checkpoint, channel_lengths_m=known)
        assert strangeness(graph, predicted(found, graph), found) == []

    @pytest.mark.parametrize("factor", [STRANGE_LENGTH * 1.001, 1 / (STRANGE_LENGTH * 1.001), 7.0])
    def test_others_are_named_with_those_that_are_known(
        self, checkpoint: ModelCheckpoint, graph: CircuitGraph, factor: float
    ) -> None:
        """Longer and shorter ones alike."""
        found = replace(checkpoint, channel_lengths_m=(CHANNEL_M * factor, 1.5 * MICRO))
        (warning,) = strangeness(graph, predicted(found, graph), found)
        assert "shortest channel is 50 nm" in warning
        assert f"trained on {50 * factor:.0f}, 1500 nm" in warning
        assert "calibrate" in warning

    def test_the_estimate_says_so(
        self, checkpoint: ModelCheckpoint, tmp_path: Path, tiny_netlist: Path
    ) -> None:
        older = tmp_path / "older.sp"
        older.write_text(tiny_netlist.read_text().replace("l=0.05u", "l=0.13u"))
        estimator = Estimator(checkpoint, "cpu")
        assert estimator.estimate(tiny_netlist).warnings == ()
        (warning,) = estimator.estimate(older).warnings
        assert "130 nm, the model was trained on 50, 350 nm" in warning


class TestDoubt:
    def test_doubt_as_usual_passes(self, checkpoint: ModelCheckpoint, graph: CircuitGraph) -> None:
        found = usual(checkpoint, 0.51, 0.51)  # half of one natural logarithm is 0.5
        prediction = predicted(found, graph)
        assert not prediction.coupling.is_unusual.any()
        assert not prediction.load.is_unusual.any()
        assert strangeness(graph, prediction, found) == []

    def test_all_of_it_unusual(self, checkpoint: ModelCheckpoint, graph: CircuitGraph) -> None:
        found = usual(checkpoint, 0.49, 0.49)
        prediction = predicted(found, graph)
        assert prediction.coupling.is_unusual.all()
        assert prediction.load.is_unusual[graph.signal_nets].all()
        (warning,) = strangeness(graph, prediction, found)
        assert warning.startswith("100% of the estimated capacitance")

    @pytest.mark.parametrize(("coupling", "load"), [(0.49, LARGEST_DOUBT), (LARGEST_DOUBT, 0.49)])
    def test_the_share_is_of_expected_couplings_and_loads(
        self, checkpoint: ModelCheckpoint, graph: CircuitGraph, coupling: float, load: float
    ) -> None:
        found = usual(checkpoint, coupling, load)
        prediction = predicted(found, graph)
        coupled = float((prediction.existence * prediction.coupling.farad).sum())
        loads = float(prediction.load.farad[graph.signal_nets].sum())
        share = (coupled if coupling < load else loads) / (coupled + loads)
        warnings = strangeness(graph, prediction, found)
        assert bool(warnings) == (share > STRANGE_SHARE)
        if warnings:
            assert warnings[0].startswith(f"{share:.0%} of")

    def test_the_larger_share_decides(
        self, checkpoint: ModelCheckpoint, graph: CircuitGraph, said_by: Build
    ) -> None:
        """Loads are most of it here: doubting couplings alone is no reason to warn, doubting loads is."""
        checkpoint.model.load_trees = said_by(1.5, 2.5)
        for coupling, load, expected in ((0.49, 2.0, 0), (2.0, 0.49, 1)):
            found = usual(checkpoint, coupling, load)
            assert len(strangeness(graph, predicted(found, graph), found)) == expected

    def test_what_is_remembered_is_not_doubted(
        self, checkpoint: ModelCheckpoint, graph: CircuitGraph
    ) -> None:
        design = Estimator(checkpoint, "cpu").predictor.tensors(graph)
        nothing = np.zeros(0, np.int64), np.zeros(0, np.float32)
        for memory, keys in (("coupling", design.context_exact), ("load", design.terminal_exact)):
            known = np.unique(keys.numpy())
            table = ContextMemory.from_arrays(known, np.full(len(known), -2.0, np.float32), *nothing, salt=1)
            setattr(checkpoint.model, f"{memory}_memory", table)
        found = usual(checkpoint, 0.49, 0.49)
        prediction = predicted(found, graph)
        assert not prediction.coupling.is_unusual.any()
        assert strangeness(graph, prediction, found) == []


def test_doubt_widens_the_intervals_of_an_estimate(checkpoint: ModelCheckpoint, graph: CircuitGraph) -> None:
    """By the scale of the law, on a logarithmic axis."""
    narrow = predicted(checkpoint, graph)
    for law in (checkpoint.coupling_error, checkpoint.load_error):
        law.widening.fill_(4.0)
    wide = predicted(checkpoint, graph)
    for one, other, rows in (
        (narrow.coupling, wide.coupling, slice(None)),
        (narrow.load, wide.load, graph.signal_nets),
    ):
        widths = [np.log(q.hi_farad[rows] / q.lo_farad[rows]) for q in (one, other)]
        np.testing.assert_allclose(widths[1] / widths[0], np.hypot(1.0, 4.0 * 0.5), rtol=1e-3)
        np.testing.assert_allclose(one.farad, other.farad)
