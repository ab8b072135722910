"""Data sets of PyTorch Geometric items over what is on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch_geometric.data import Dataset, HeteroData
from torch_geometric.loader import DataLoader

from circuitgcl.data import build_data_set, open_design, synthetic_array
from circuitgcl.data.dataset import (
    TARGET_RELATIONS,
    CircuitDataset,
    Ground,
    InMemoryCircuitDataset,
    Level,
    design_data,
)
from circuitgcl.data.splits import split_couplings
from circuitgcl.errors import DataError

N2N, P2N, P2P = TARGET_RELATIONS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four arrays in three families."""
    place = tmp_path_factory.mktemp("set")
    text = ""
    for rows, columns, family in ((2, 2, "a"), (2, 3, "a"), (3, 2, "b"), (3, 3, "c")):
        files = synthetic_array(rows, columns).write(place)
        text += f'[[design]]\nschematic = "{files.schematic.name}"\nextracted = "{files.extracted.name}"\n'
        text += f'name = "{files.name}"\nfamily = "{family}"\ntechnology = "synthetic"\n'
    (place / "m.toml").write_text(text)
    build_data_set(place / "m.toml", place / "set")
    return place / "set"


def test_items_carry_known_answers(folder: Path):
    dataset = CircuitDataset(folder)
    assert isinstance(dataset, Dataset)
    assert len(dataset) == 4
    item, answers = dataset[1], synthetic_array(2, 3)
    assert (item.name, item.family, item.technology) == ("synthetic_2x3_s0", "a", "synthetic")
    names = item["net"].name
    pairs = {
        tuple(sorted((names[a], names[b]))): y
        for (a, b), y in zip(item[N2N].edge_index.T.tolist(), item[N2N].y.tolist(), strict=True)
    }
    assert pairs == pytest.approx(dict(answers.coupling_farad), rel=1e-6)
    load = dict(zip(names, item["net"].y.tolist(), strict=True))
    assert {name: load[name] for name in answers.load_farad} == pytest.approx(
        dict(answers.load_farad), rel=1e-6
    )
    assert np.isnan(load["vdd"])
    assert len(item["device"].name) == len(item["device"].x)
    assert item["net"].x.shape[0] == len(names)
    assert item.validate()


def test_ground_of_the_extractor_alone(folder: Path):
    both = [CircuitDataset(folder, ground=ground)[0]["net"].y for ground in Ground]
    labels = open_design(CircuitDataset(folder).files[0]).labels
    assert labels is not None
    for found, expected in zip(both, (labels.load_farad, labels.ground_farad), strict=True):
        np.testing.assert_array_equal(found.numpy(), expected.astype(np.float32))
    assert (both[0] > both[1]).any()  # rails are in one of them only


def test_level_of_pins(folder: Path):
    item = CircuitDataset(folder, level="pin")[0]
    for relation in (P2N, P2P):  # of a net-level extraction
        assert item[relation].edge_index.shape == (2, 0)
    assert item["pin"].y.isnan().all()
    assert P2N not in CircuitDataset(folder, level=Level.NET)[0].edge_types
    with pytest.raises(ValueError, match="whole"):
        CircuitDataset(folder, level="whole")


def test_pin_level_extractions_have_all_three_relations():
    from dataclasses import replace

    from circuitgcl.data import load_design, read_manifest

    openram = Path(__file__).parents[3] / "netlists" / "openram"
    files = next(f for f in read_manifest(openram / "manifest.toml") if f.name == "fpdk45_2x16")
    design = load_design(replace(files, extracted=openram / "fpdk45_2x16.pin.pex.sp.gz"))
    item = design_data(design, level=Level.PIN, names=False)
    total = sum(float(item[relation].y.double().sum()) for relation in TARGET_RELATIONS)
    whole = design_data(design, names=False)
    assert total == pytest.approx(float(whole[N2N].y.double().sum()), rel=1e-5)
    assert item.validate()
    assert "name" not in item["net"]


def test_batches(folder: Path):
    batch = next(iter(DataLoader(CircuitDataset(folder), batch_size=4)))
    items = list(CircuitDataset(folder))
    assert batch["net"].x.shape[0] == sum(len(item["net"].x) for item in items)
    first = len(items[0]["net"].x)
    edges = batch[N2N].edge_index[:, items[0][N2N].num_edges :][:, : items[1][N2N].num_edges]
    assert torch.equal(edges - first, items[1][N2N].edge_index)


def test_in_memory_reads_once_and_keeps_its_items_clean(folder: Path, monkeypatch: pytest.MonkeyPatch):
    from circuitgcl.data import dataset as module

    opened: list[str] = []

    def counted(files: object) -> object:
        opened.append(files.name)
        return open_design(files)

    monkeypatch.setattr(module, "open_design", counted)

    def marked(data: HeteroData) -> HeteroData:
        data.mark = getattr(data, "mark", 0) + 1
        return data

    dataset = InMemoryCircuitDataset(folder, transform=marked)
    assert [item.mark for item in dataset] == [item.mark for item in dataset[:2]] * 2 == [1] * 4
    assert len(opened) == 4
    on_disk = CircuitDataset(folder)
    assert [next(iter(on_disk)).name for _ in range(2)] == ["synthetic_2x2_s0"] * 2
    assert len(opened) == 6


def test_slices_keep_names_and_families(folder: Path):
    dataset = CircuitDataset(folder)[[3, 0]]
    assert dataset.design_names == ["synthetic_3x3_s0", "synthetic_2x2_s0"]
    assert dataset.families == ["c", "a"]
    assert [item.name for item in dataset] == dataset.design_names


def test_split_by_family(folder: Path):
    dataset = CircuitDataset(folder)
    for seed in range(5):
        parts = dataset.split({"train": 0.6, "val": 0.2, "test": 0.2}, seed=seed)
        assert sorted(name for part in parts.values() for name in part.design_names) == sorted(
            dataset.design_names
        )
        families = [set(part.families) for part in parts.values()]
        assert not set.intersection(*families)
        assert all(families)
    named = dataset.split(named={"test": ["b"]})
    assert (named["train"].families, named["test"].families) == (["a", "a", "c"], ["b"])
    nested = named["train"].split({"train": 1, "val": 1}, seed=1)
    assert {*nested["train"].families, *nested["val"].families} == {"a", "c"}
    with pytest.raises(DataError, match="one of the two"):
        dataset.split()
    with pytest.raises(DataError, match="one of the two"):
        dataset.split({"train": 1}, named={"test": ["b"]})


def test_couplings_split_only_by_name(folder: Path):
    item = CircuitDataset(folder)[3]
    parts = split_couplings(item, {"train": 3, "test": 1}, seed=4)
    sizes = [part[N2N].num_edges for part in parts.values()]
    assert sum(sizes) == item[N2N].num_edges
    assert 0.6 < sizes[0] / sum(sizes) < 0.9
    rows = torch.cat([torch.cat([p[N2N].edge_index, p[N2N].y[None]]) for p in parts.values()], dim=1)
    whole = torch.cat([item[N2N].edge_index, item[N2N].y[None]])
    assert sorted(rows.T.tolist()) == sorted(whole.T.tolist())
    assert torch.equal(parts["test"]["pin", "on", "net"].edge_index, item["pin", "on", "net"].edge_index)
    disjoint = split_couplings(item, {"train": 1, "test": 1}, net_disjoint=True)
    nets = [set(part[N2N].edge_index.flatten().tolist()) for part in disjoint.values()]
    assert all(nets)
    assert not nets[0] & nets[1]
    with pytest.raises(DataError, match="positive shares"):
        split_couplings(item, {"train": 0.0})
