"""The synthetic array: its answers, its files, and that a small one teaches a large one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import nnls

from circuitgcl.data import Design, load_design, synthetic_array
from circuitgcl.data.synthetic import RAILS
from circuitgcl.data.tensors import design_tensors
from circuitgcl.errors import DataError


def test_same_arguments_same_text():
    first, second = synthetic_array(2, 3), synthetic_array(2, 3)
    assert first == second
    assert len(first.coupling_farad) == 133
    assert first.coupling_farad["bl[0]", "br[0]"] == pytest.approx(1.099e-15, rel=1e-9)
    assert synthetic_array(2, 3, seed=1).coupling_farad != first.coupling_farad


def test_labels_are_the_answers(tmp_path: Path):
    array = synthetic_array(3, 2)
    design = load_design(array.write(tmp_path))
    labels, names = design.labels, design.graph.circuit.net_names()
    assert labels is not None
    assert labels.report.nets_matched == labels.report.capacitance_matched == 1
    found = {
        tuple(sorted((names[a], names[b]))): farad
        for (a, b), farad in zip(labels.pair.tolist(), labels.coupling_farad.tolist(), strict=True)
    }
    assert found == array.coupling_farad
    loads = dict(zip(names, labels.load_farad.tolist(), strict=True))
    assert {name: value for name, value in loads.items() if name not in RAILS} == pytest.approx(
        dict(array.load_farad), rel=1e-12
    )
    assert {names[net] for net in np.flatnonzero(design.graph.rails)} == set(RAILS)


def test_capacitance_grows_with_the_array():
    """Couplings along a bit line are a constant from its amplifier and a share of every row."""
    along = [synthetic_array(rows, 2).coupling_farad["bl[0]", "br[0]"] for rows in (2, 3, 5)]
    assert along[2] - along[1] == pytest.approx(2 * (along[1] - along[0]))
    assert along[1] > along[0]
    load = [synthetic_array(rows, 2).load_farad["bl[0]"] for rows in (1, 2, 4)]
    assert load[2] - load[1] == pytest.approx(2 * (load[1] - load[0]))


def test_every_candidate_is_known(tmp_path: Path):
    design = load_design(synthetic_array(4, 3).write(tmp_path))
    labels = design_tensors(design.graph, design.labels).labels
    assert labels is not None
    assert len(labels.distant_pair) == 0
    assert (labels.candidate_ff > 0).sum() == len(synthetic_array(4, 3).coupling_farad)


def additive_system(design: Design, keys: dict[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """How often each context of leaf cells lies between each pair, and the pair's femtofarad."""
    contexts, terminals = design.graph.contexts, design.graph.terminals
    of_leaf = terminals.is_leaf[contexts.side_a] & terminals.is_leaf[contexts.side_b]
    column = [
        keys.setdefault(key, len(keys)) if leaf else -1
        for key, leaf in zip(contexts.key_exact.tolist(), of_leaf.tolist(), strict=True)
    ]
    columns = np.array(column)[contexts.occurrence_context]
    counts = np.zeros((contexts.pair_count, len(keys)))
    np.add.at(counts, (contexts.occurrence_pair[columns >= 0], columns[columns >= 0]), 1.0)
    names = design.graph.circuit.net_names()
    truth = synthetic_array(*map(int, design.files.name.split("_")[1].split("x"))).coupling_farad
    pairs = [tuple(sorted((names[a], names[b]))) for a, b in contexts.pair.tolist()]
    return counts, np.array([truth.get(pair, 0.0) * 1e15 for pair in pairs])


def test_small_arrays_tell_a_large_one_exactly(tmp_path: Path):
    """The premise of the context memory: fitted weights of known contexts add up in an array of any size."""
    keys: dict[int, int] = {}
    small = [
        additive_system(load_design(synthetic_array(*size).write(tmp_path)), keys)
        for size in ((3, 4), (4, 3))
    ]
    known = len(keys)
    counts = np.concatenate([np.pad(c, ((0, 0), (0, known - c.shape[1]))) for c, _ in small])
    weights, residual = nnls(counts, np.concatenate([farad for _, farad in small]))
    assert residual < 1e-9
    large, truth = additive_system(load_design(synthetic_array(9, 7).write(tmp_path)), keys)
    assert len(keys) == known
    assert np.abs(large @ weights - truth).max() < 1e-9
    assert (truth > 0).sum() > 500


@pytest.mark.parametrize("size", [(0, 3), (3, 0), (-1, 1)])
def test_nothing_is_no_array(size: tuple[int, int]):
    with pytest.raises(DataError, match="at least one"):
        synthetic_array(*size)


def test_a_folder_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot write"):
        synthetic_array(1, 1).write(tmp_path / "file")
