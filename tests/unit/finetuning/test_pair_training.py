"""Training of the pair model: what it learns from, and that it learns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch_geometric.data import HeteroData

from circuitgcl.data import Design
from circuitgcl.data.pair_tables import PairTable
from circuitgcl.data.raw_graphs import COLUMNS
from circuitgcl.errors import DataError
from circuitgcl.evaluation.scores import class_scores
from circuitgcl.finetuning.pair_rows import pair_labels
from circuitgcl.finetuning.pair_training import PairTrainingConfig, WeightedRegression, fit_pair_model
from circuitgcl.finetuning.raw_pairs import raw_labels
from circuitgcl.finetuning.tasks import RegressionLoss
from circuitgcl.models.checkpoint import EncoderCheckpoint
from circuitgcl.models.encoder import CircuitEncoder, EncoderConfig
from circuitgcl.models.pair_model import PairModelConfig
from circuitgcl.models.scaling import CLASS_COUNT, FLOOR_FF, TargetScale

SMALL = PairModelConfig(encoder=EncoderConfig(width=8, layers=2), hidden=32, dropout=0.0)
BLIND = replace(SMALL, relative=False)
Array = Callable[..., Design]


@pytest.mark.parametrize("config", [SMALL, BLIND])
def test_merged_rows_hold_every_label(array: Array, config: PairModelConfig):
    table = PairTable(array(3, 4))
    labels = pair_labels(table, config)
    present = table.truth_ff > FLOOR_FF
    assert int(labels.coupled.sum()) == present.sum()
    assert int(labels.absent.sum()) == (~present[: table.candidates]).sum()
    classes = TargetScale.named("wide").coupling.classes(table.truth_ff[present] * 1e-15)
    assert labels.classes.sum(dim=0).tolist() == np.bincount(classes, minlength=CLASS_COUNT).tolist()
    assert labels.classes.sum(dim=1).tolist() == labels.coupled.tolist()
    assert (labels.truth_ff.numpy() == table.truth_ff).all()
    assert (labels.graph.net_row[table.pair] == labels.ends[labels.pair_row]).all()
    total = float((labels.decades * labels.coupled).sum())
    assert total == pytest.approx(np.log10(table.truth_ff[present]).sum(), rel=1e-4)
    assert len(labels.ends) < len(table.pair)  # an array repeats itself


def test_what_cannot_be_told_apart_is_fewer_rows_for_who_sees_less(array: Array):
    table = PairTable(array(3, 4))
    assert len(pair_labels(table, BLIND).ends) < len(pair_labels(table, SMALL).ends)


def test_every_loss_is_one_of_its_own():
    torch.manual_seed(0)
    truth = torch.randn(60)
    estimate, count = truth + torch.randn(60), torch.ones(60)
    found = {WeightedRegression(truth, count, kind)(estimate, truth, count).item() for kind in RegressionLoss}
    assert len(found) == len(RegressionLoss)


def test_unknown_couplings_are_neither_there_nor_absent(array: Array):
    design = array(2, 2)
    assert design.labels is not None
    farad = design.labels.coupling_farad.copy()
    farad[:3] = np.nan
    unknown = replace(design, labels=replace(design.labels, coupling_farad=farad))
    before, after = (pair_labels(PairTable(d), SMALL) for d in (design, unknown))
    assert int(before.coupled.sum() - after.coupled.sum()) == 3
    assert int(after.absent.sum()) == int(before.absent.sum())


def test_the_class_head_learns(array: Array, tmp_path: Path):
    """On rows of one class each; before, it knows nothing."""
    labels = pair_labels(PairTable(array(3, 3)), SMALL)
    row = (labels.coupled > 0) & (labels.classes.max(dim=1).values == labels.coupled)
    truth = labels.classes[row].argmax(dim=1)
    assert len(truth.unique()) > 1
    macro = []
    for epochs in (1, 80):
        config = PairTrainingConfig(
            model=SMALL, max_epochs=epochs, learning_rate=1e-2 * (epochs > 1), weight_decay=0.0
        )
        model = fit_pair_model([labels], config, folder=tmp_path / str(epochs), accelerator="cpu")
        with torch.inference_mode():
            outputs = model.pairs(model.sides(labels.graph), labels.ends, labels.relative)
        estimate = outputs.class_logits[row].argmax(dim=1)
        macro.append(class_scores(truth.numpy(), estimate.numpy())["macro_f1"])
    assert macro[0] < 0.6
    assert macro[1] > 0.95


@pytest.mark.parametrize("kind", list(RegressionLoss))
def test_weights_are_copies(kind: RegressionLoss):
    torch.manual_seed(0)
    truth, count = torch.randn(40), torch.arange(40.0) % 3 + 1
    estimate = truth + 0.3 * torch.randn(40)
    copies = count.long()
    loss = WeightedRegression(truth, count, kind)
    merged = loss(estimate, truth, count)
    every = loss(*(x.repeat_interleave(copies) for x in (estimate, truth)), torch.ones(int(count.sum())))
    assert merged.item() == pytest.approx(every.item(), rel=1e-5)


def test_rows_without_labels_count_nothing():
    loss = WeightedRegression(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 1.0]), RegressionLoss.MSE)
    value = loss(torch.tensor([0.0, 9.0]), torch.tensor([2.0, 0.0]), torch.tensor([1.0, 0.0]))
    assert float(value) == 4.0


def test_it_learns_a_small_array(array: Array, tmp_path: Path):
    labels = pair_labels(PairTable(array(3, 3)), SMALL)
    config = PairTrainingConfig(model=SMALL, max_epochs=80, learning_rate=1e-2, weight_decay=0.0)
    model = fit_pair_model([labels], config, folder=tmp_path / "run", accelerator="cpu")
    with torch.inference_mode():
        sides = model.sides(labels.graph)
        outputs = model.pairs(sides, labels.ends, labels.relative)
        load = (model.load(sides[: labels.graph.nets]) - labels.load_decades)[labels.loaded > 0]
    known = labels.coupled > 0
    residual = (outputs.decades - labels.decades)[known]
    assert float(residual.square().mean()) < 0.2 * float(labels.decades[known].var())
    assert float(load.square().mean()) < 0.1 * float(labels.load_decades[labels.loaded > 0].var())


def test_the_seed_decides(array: Array, tmp_path: Path):
    labels = [pair_labels(PairTable(array(2, 2)), SMALL)]
    one, same, other = (
        fit_pair_model(
            labels,
            PairTrainingConfig(model=SMALL, max_epochs=2, seed=seed),
            folder=tmp_path / str(number),
            accelerator="cpu",
        )
        for number, seed in enumerate((1, 1, 2))
    )
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), same.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_a_frozen_encoder_stays(array: Array, tmp_path: Path):
    encoder = EncoderCheckpoint(encoder=CircuitEncoder(SMALL.encoder), trained_on=(), metrics={})
    labels = [pair_labels(PairTable(array(2, 2)), SMALL)]
    for frozen in (True, False):
        config = PairTrainingConfig(model=SMALL, max_epochs=1, frozen=frozen)
        model = fit_pair_model(
            labels, config, folder=tmp_path / str(frozen), encoder=encoder, accelerator="cpu"
        )
        pairs = zip(model.encoder.parameters(), encoder.encoder.parameters(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs) is frozen


def test_what_cannot_be_trained_on(array: Array, tmp_path: Path):
    design = array(2, 2)
    assert design.labels is not None
    nothing = replace(design.labels, coupling_farad=np.zeros_like(design.labels.coupling_farad))
    labels = [pair_labels(PairTable(replace(design, labels=nothing)), SMALL)]
    with pytest.raises(DataError, match="no coupling or no load"):
        fit_pair_model(labels, PairTrainingConfig(model=SMALL), folder=tmp_path / "a")
    other = EncoderCheckpoint(encoder=CircuitEncoder(EncoderConfig(width=4)), trained_on=(), metrics={})
    good = [pair_labels(PairTable(design), SMALL)]
    with pytest.raises(DataError, match=r"set model\.encoder to match"):
        fit_pair_model(good, PairTrainingConfig(model=SMALL), folder=tmp_path / "b", encoder=other)


def raw_item() -> HeteroData:
    """Four nets and three pins of one device, as `load_raw_graph` gives them; farad are powers of ten."""
    item = HeteroData()
    for kind, rows in (("net", 4), ("device", 1), ("pin", 3)):
        item[kind].x = torch.arange(rows * COLUMNS[kind], dtype=torch.float32).reshape(rows, -1)
    item["net"].y = torch.tensor([torch.nan, 1e-14, 0.0, 1e-16])
    item["pin", "of", "device"].edge_index = torch.tensor([[0, 1, 2], [0, 0, 0]])
    item["pin", "on", "net"].edge_index = torch.tensor([[0, 1, 2], [1, 2, 3]])
    for relation, ends, farad in (
        (("net", "n2n", "net"), [[1, 2]], [1e-15]),
        (("pin", "p2n", "net"), [[0, 3], [2, 1]], [1e-17, 1e-19]),
        (("pin", "p2p", "pin"), [[0, 2]], [1e-16]),
    ):
        item[relation].edge_index = torch.tensor(ends).T
        item[relation].y = torch.tensor(farad)
    return item


def test_rows_of_a_public_graph_by_hand():
    labels = raw_labels(raw_item(), SMALL)
    assert labels.ends.tolist() == [[1, 2], [4, 3], [6, 1], [4, 6]]  # pins count from 4 on
    assert labels.relative.argmax(dim=1).tolist() == [0, 1, 1, 2]
    assert labels.decades.tolist() == pytest.approx([0.0, -2.0, -4.0, -1.0], abs=1e-5)
    assert labels.coupled.tolist() == [1, 1, 1, 1]
    # couplings of the wide scale are cut at 10^-17.8, -16.6, -15.4 and -14.2 farad
    assert labels.classes.argmax(dim=1).tolist() == [3, 1, 0, 2]
    assert labels.load_decades.tolist() == pytest.approx([0.0, 1.0, 0.0, -1.0], abs=1e-5)
    assert labels.loaded.tolist() == [0, 1, 0, 1]
    floored = raw_labels(raw_item(), SMALL, floor_farad=1e-18)
    assert floored.coupled.tolist() == [1, 1, 0, 1]


def test_public_graphs_train(tmp_path: Path):
    encoder = EncoderConfig(width=8, layers=2, standardised=True)
    config = PairTrainingConfig(
        model=PairModelConfig(encoder=encoder, hidden=16), max_epochs=40, learning_rate=1e-2
    )
    labels = raw_labels(raw_item(), config.model)
    model = fit_pair_model([labels], config, folder=tmp_path, widths=COLUMNS, accelerator="cpu")
    with torch.inference_mode():
        outputs = model.pairs(model.sides(labels.graph), labels.ends, labels.relative)
    assert outputs.decades.tolist() == pytest.approx(labels.decades.tolist(), abs=0.5)
