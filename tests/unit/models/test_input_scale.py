"""Input scales: statistics of the training circuits, and muted columns that never varied."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.preprocessing import StandardScaler
from torch_geometric.data import HeteroData

from circuitgcl.data.synthetic import synthetic_array
from circuitgcl.graph import build_graph
from circuitgcl.models.checkpoint import EncoderCheckpoint, load_encoder, save_encoder
from circuitgcl.models.encoder import CircuitEncoder, EncoderConfig, InputScale
from circuitgcl.netlist import flatten, read_netlist

SMALL = EncoderConfig(width=8, layers=2)


@pytest.fixture(scope="module")
def circuits(tmp_path_factory: pytest.TempPathFactory) -> list[HeteroData]:
    """Two arrays; a resistor or a diode never occurs in them."""
    found = []
    for size in (3, 4):
        files = synthetic_array(size, size).write(tmp_path_factory.mktemp("array"))
        found.append(build_graph(flatten(read_netlist(files.schematic))).to_hetero())
    return found


def test_agrees_with_scikit_learn_where_inputs_vary() -> None:
    rows = torch.randn(40, 5, generator=torch.Generator().manual_seed(0)) * 3 + 100
    rows[:, 2] = 7.0
    scale = InputScale(5)
    scale.fit(rows)
    expected = StandardScaler().fit_transform(rows.double().numpy())
    np.testing.assert_allclose(scale(rows).numpy()[:, [0, 1, 3, 4]], expected[:, [0, 1, 3, 4]], atol=1e-3)
    assert (scale(rows)[:, 2] == 0).all()


def test_what_never_varied_says_nothing_later() -> None:
    scale = InputScale(2)
    scale.fit(torch.tensor([[1.0, 5.0], [3.0, 5.0]]))
    assert scale(torch.tensor([[2.0, 1e9], [2.0, -4.0]])).tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_weights_are_multiplicities() -> None:
    rows = torch.tensor([[1.0], [2.0], [7.0]])
    counted, copied = InputScale(1), InputScale(1)
    counted.fit(rows, torch.tensor([2.0, 1.0, 3.0]))
    copied.fit(torch.tensor([[1.0], [1.0], [2.0], [7.0], [7.0], [7.0]]))
    torch.testing.assert_close(counted(rows), copied(rows))
    assert not torch.equal(copied.mean, rows.mean(dim=0))


def test_extremes_are_clipped() -> None:
    scale = InputScale(1)
    scale.fit(torch.tensor([[-1.0], [1.0]]))
    assert scale(torch.tensor([[100.0], [-100.0], [2.0]])).squeeze(1).tolist() == [6.0, -6.0, 2.0]


def test_a_part_unknown_in_training_moves_no_embedding(circuits: list[HeteroData]) -> None:
    torch.manual_seed(0)
    model = CircuitEncoder(SMALL).eval()
    model.fit_inputs(circuits)
    data = circuits[0].clone()
    before = model(data)["net"]
    constant = (torch.cat([c["net"].x for c in circuits]).std(dim=0) == 0).nonzero().squeeze(1)
    assert len(constant) > 3
    data["net"].x[:, constant] += 2.5
    assert torch.equal(model(data)["net"], before)
    data["net"].x += 2.5
    assert not torch.allclose(model(data)["net"], before, atol=1e-3)


def test_travels_in_the_checkpoint(circuits: list[HeteroData], tmp_path: Path) -> None:
    model = CircuitEncoder(SMALL).eval()
    model.fit_inputs(circuits)
    save_encoder(EncoderCheckpoint(encoder=model, trained_on=("a",), metrics={}), tmp_path)
    loaded = load_encoder(tmp_path).encoder
    assert torch.equal(loaded(circuits[1])["pin"], model(circuits[1])["pin"])


def test_checkpoints_from_before_still_load(circuits: list[HeteroData], tmp_path: Path) -> None:
    """Their header does not say how inputs are scaled: each row was normalised by itself."""
    model = CircuitEncoder(EncoderConfig(width=8, layers=2, standardised=False)).eval()
    save_encoder(EncoderCheckpoint(encoder=model, trained_on=("a",), metrics={}), tmp_path)
    header = json.loads((tmp_path / "model.json").read_text())
    header["config"] = {"width": 8, "layers": 2, "dropout": 0.0}
    (tmp_path / "model.json").write_text(json.dumps(header))
    loaded = load_encoder(tmp_path).encoder
    assert loaded.config == model.config
    assert torch.equal(loaded(circuits[1])["net"], model(circuits[1])["net"])
