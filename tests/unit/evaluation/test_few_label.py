"""Few-label transfer: the head equals its formulas, and its inputs are symmetric and exact on classes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from circuitgcl.data.synthetic import synthetic_array
from circuitgcl.evaluation.few_label import EndToEndHead, InputScale, KernelHead, TransferPairs, pair_inputs
from circuitgcl.graph import CircuitGraph, build_graph
from circuitgcl.models.encoder import CircuitEncoder, EncoderConfig
from circuitgcl.netlist import flatten, read_netlist


@pytest.fixture(scope="module")
def array(tmp_path_factory: pytest.TempPathFactory) -> CircuitGraph:
    files = synthetic_array(4, 3).write(tmp_path_factory.mktemp("array"))
    return build_graph(flatten(read_netlist(files.schematic)))


@pytest.fixture(scope="module")
def small_array(tmp_path_factory: pytest.TempPathFactory) -> CircuitGraph:
    files = synthetic_array(2, 3).write(tmp_path_factory.mktemp("small"))
    return build_graph(flatten(read_netlist(files.schematic)))


def encoder(layers: int) -> CircuitEncoder:
    torch.manual_seed(layers)
    return CircuitEncoder(EncoderConfig(width=8, layers=layers)).eval()


def kernel(x: list[np.ndarray], y: list[np.ndarray], bandwidth: float) -> np.ndarray:
    """The formula, one pair of rows at a time."""
    return np.array(
        [
            [
                np.mean([np.exp(-bandwidth * np.mean((b[i] - c[j]) ** 2)) for b, c in zip(x, y, strict=True)])
                for j in range(len(y[0]))
            ]
            for i in range(len(x[0]))
        ]
    )


def solved(x: list[np.ndarray], target: np.ndarray, asked: list[np.ndarray], bandwidth: float, ridge: float):
    """Kernel ridge regression with a free intercept by its saddle-point system."""
    n = len(target)
    system = np.ones((n + 1, n + 1))
    system[:n, :n] = kernel(x, x, bandwidth) + ridge * np.eye(n)
    system[n, n] = 0.0
    dual = np.linalg.solve(system, np.append(target, 0.0))
    return kernel(asked, x, bandwidth) @ dual[:n] + dual[n]


@pytest.fixture
def problem() -> tuple[list[np.ndarray], np.ndarray]:
    draw = np.random.default_rng(0)
    distinct = [draw.normal(size=(14, 3)), draw.normal(size=(14, 5))]
    rows = np.concatenate([np.arange(14), [0, 0, 3, 5, 5, 5]])  # some inputs occur several times
    blocks = [block[rows].astype(np.float32).astype(np.float64) for block in distinct]
    return blocks, blocks[0][:, 0] - np.abs(blocks[1][:, 1]) + 0.1 * draw.normal(size=len(rows))


@pytest.mark.parametrize(("bandwidth", "ridge"), [(0.3, 0.01), (1.0, 1.0)])
def test_the_head_solves_ridge_regression_with_a_free_intercept(problem, bandwidth: float, ridge: float):
    blocks, target = problem
    asked = [np.random.default_rng(1).normal(size=(6, block.shape[1])).astype(np.float32) for block in blocks]
    head = KernelHead(bandwidths=[bandwidth], ridges=[ridge]).fit(blocks, target)
    np.testing.assert_allclose(
        head.predict(asked), solved(blocks, target, asked, bandwidth, ridge), rtol=1e-5, atol=1e-6
    )


def test_the_closed_form_leave_one_out_error_is_that_of_refitting(problem):
    blocks, target = problem
    residuals = []
    for left_out in range(len(target)):
        kept = np.arange(len(target)) != left_out
        rest, own = [block[kept] for block in blocks], [block[~kept] for block in blocks]
        residuals.append(target[left_out] - solved(rest, target[kept], own, 0.3, 0.1)[0])
    head = KernelHead(bandwidths=[0.3], ridges=[0.1]).fit(blocks, target)
    assert head.loo_error == pytest.approx(np.mean(np.square(residuals)), rel=1e-5)


def test_the_smallest_leave_one_out_error_chooses(problem):
    blocks, target = problem
    grid = [(bandwidth, ridge) for bandwidth in (0.1, 1.0) for ridge in (1e-3, 0.1, 10.0)]
    errors = {(b, r): KernelHead(bandwidths=[b], ridges=[r]).fit(blocks, target).loo_error for b, r in grid}
    head = KernelHead(bandwidths=(0.1, 1.0), ridges=(1e-3, 0.1, 10.0)).fit(blocks, target)
    assert (head.bandwidth, head.ridge) == min(errors, key=errors.__getitem__)


def test_few_landmarks_come_close_where_the_kernel_is_smooth(problem):
    blocks, target = problem
    exact = KernelHead(bandwidths=[0.03], ridges=[0.1]).fit(blocks, target).predict(blocks)
    few = KernelHead(bandwidths=[0.03], ridges=[0.1], max_landmarks=12).fit(blocks, target).predict(blocks)
    assert 0 < np.abs(few - exact).max() < 0.2 * target.std()


def test_inputs_are_the_same_for_both_orders(array: CircuitGraph):
    draw = np.random.default_rng(0)
    pair = draw.choice(array.signal_nets, (40, 2))
    np.testing.assert_array_equal(pair_inputs(array, pair), pair_inputs(array, pair[:, ::-1]))


def test_context_inputs_add_up_the_contexts(array: CircuitGraph):
    contexts = array.contexts
    found = pair_inputs(array, contexts.pair)
    columns = array.pair_features.shape[1] + 2 * array.terminal_features.shape[1]
    number = np.bincount(contexts.occurrence_pair, minlength=contexts.pair_count)
    np.testing.assert_allclose(found[:, -columns - 1], np.log1p(number), rtol=1e-6)
    row = int(number.argmax())
    own = contexts.occurrence_context[contexts.occurrence_pair == row]
    sums = np.log1p(array.pair_features[own].sum(axis=0))
    np.testing.assert_allclose(found[row, -columns:][: len(sums)], sums, rtol=1e-6)
    a, b = (array.terminal_features[side[own]] for side in (contexts.side_a, contexts.side_b))
    np.testing.assert_allclose(
        found[row, -columns + len(sums) :],
        np.concatenate([(a + b).mean(axis=0), np.abs(a - b).mean(axis=0)]),
        rtol=1e-5,
    )


def test_pairs_that_meet_nowhere_have_no_contexts(array: CircuitGraph):
    nets = array.circuit.net_count
    known = set(map(tuple, array.contexts.pair.tolist()))
    signal = array.signal_nets.tolist()
    far = next((a, b) for a in signal for b in signal if a < b and (a, b) not in known)
    columns = array.pair_features.shape[1] + 2 * array.terminal_features.shape[1] + 1
    assert max(far) < nets
    assert not pair_inputs(array, np.array([far]))[0, -columns:].any()


@pytest.mark.parametrize("layers", [2, 6])
def test_embeddings_on_classes_are_those_of_the_full_graphs(
    array: CircuitGraph, small_array: CircuitGraph, layers: int
):
    parts = [(graph, graph.contexts.pair[::7].astype(np.int64)) for graph in (array, small_array)]
    expected = []
    with torch.inference_mode():
        for graph, pair in parts:
            a, b = encoder(layers)(graph.to_hetero())["net"][torch.from_numpy(pair)].unbind(dim=1)
            expected.append(torch.cat([a + b, (a - b).abs()], dim=1).numpy())
    found = TransferPairs.of(parts).embeddings(encoder(layers))
    np.testing.assert_allclose(found, np.concatenate(expected), rtol=1e-4, atol=1e-4)


def test_scales_standardise_clip_and_leave_constants_alone():
    rows = np.array([[1.0, 5.0], [3.0, 5.0]], np.float32)
    scale = InputScale.fit(rows)
    np.testing.assert_allclose(scale(rows), [[-1.0, 0.0], [1.0, 0.0]])
    np.testing.assert_allclose(scale(np.array([[100.0, 5.5]], np.float32)), [[5.0, 0.5]])


def test_end_to_end_training_learns_and_reads_no_other_label(array: CircuitGraph):
    pairs = TransferPairs.of([(array, array.contexts.pair.astype(np.int64))])
    inputs = InputScale.fit(pairs.inputs)(pairs.inputs)
    truth = np.log10(1.0 + np.arange(len(inputs)) % 3) + inputs[:, 0].astype(np.float64)
    truth += pairs.embeddings(encoder(2))[:, 0].astype(np.float64)
    order = np.random.default_rng(0).permutation(len(truth))
    learned, asked = order[: len(order) // 2], order[len(order) // 2 :]
    hidden = truth.copy()
    hidden[asked] = np.nan
    estimate = EndToEndHead(encoder(2), seed=0).fit_predict(pairs, inputs, hidden, learned, asked)
    error = np.mean((estimate - truth[asked]) ** 2)
    assert error < 0.5 * np.mean((truth[learned].mean() - truth[asked]) ** 2)
