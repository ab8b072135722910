"""The split of public graph files: written in their layout, read by their reader, trained design-disjoint.

The public files themselves are not here. Pin-level extractions of SRAM macros are written as such files, so
nets couple with nets and pins, and pins with pins; then all that is left of a design is numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from split_suite.methods import GCN_PLUS
from torch_geometric.data import HeteroData

from circuitgcl.data import Design, DesignFiles, load_design
from circuitgcl.data.dataset import TARGET_RELATIONS
from circuitgcl.data.raw_graphs import COLUMNS, load_raw_graph
from circuitgcl.evaluation.pair_scores import pair_scores, row_scores
from circuitgcl.evaluation.protocol import MIN_CAP_FARAD
from circuitgcl.finetuning.pair_rows import PairLabels
from circuitgcl.finetuning.pair_training import fit_pair_model
from circuitgcl.finetuning.raw_pairs import raw_labels
from circuitgcl.models.scaling import TargetScale

TRAIN, TEST = ("scn4m_2x16", "scn4m_4x16"), ("scn4m_8x64_w4", "scn4m_16x64")
RAW_METHODS = ("relation-mean", "gcn-plus")


def pin_level_design(folder: Path, name: str) -> Design:
    """A macro with its pin-level extraction."""
    files = DesignFiles(
        name=name, schematic=folder / f"{name}.sp.gz", extracted=folder / f"{name}.pin.pex.sp.gz"
    )
    return load_design(files)


def pin_level_files(folder: Path) -> list[Path]:
    """The extractions this split needs."""
    return [folder / f"{name}.pin.pex.sp.gz" for name in (*TRAIN, *TEST)]


def raw_layout(design: Design) -> HeteroData:
    """A design in the layout of the public files, rails and their couplings left out."""
    graph, circuit = design.graph, design.graph.circuit
    labels = design.labels
    assert labels is not None
    pins = labels.pins
    assert pins is not None
    data = HeteroData()
    for kind, rows in (
        ("net", graph.net_features),
        ("device", graph.device_features),
        ("pin", graph.pin_features.argmax(axis=1)[:, None]),
    ):
        data[kind].x = torch.from_numpy(rows[:, : COLUMNS[kind]].astype(np.float32))
    data["net"].y = torch.from_numpy(np.nan_to_num(labels.load_farad)).float()[:, None]
    data["pin"].y = torch.from_numpy(np.nan_to_num(pins.pin_load_farad)).float()[:, None]
    pin = np.arange(circuit.pin_count)
    for relation, ends in (
        (("device", "device-net", "net"), (circuit.pin_device, circuit.pin_net)),
        (("device", "device-pin", "pin"), (circuit.pin_device, pin)),
        (("pin", "pin-net", "net"), (pin, circuit.pin_net)),
    ):
        data[relation].edge_index = torch.from_numpy(np.stack(ends).astype(np.int64))
    couplings = (
        (pins.metal_pair, pins.metal_farad),
        (pins.pin_net_pair, pins.pin_net_farad),
        (pins.pin_pair, pins.pin_pair_farad),
    )
    for (source, name, target), (pair, farad) in zip(TARGET_RELATIONS, couplings, strict=True):
        data[source, f"cc_{name}", target].edge_index = torch.from_numpy(pair.T.astype(np.int64))
        data[source, f"cc_{name}", target].y = torch.from_numpy(farad).float()[:, None]
    return data


def read_back(folder: Path, design: Design) -> HeteroData:
    """A design after a round through a public graph file."""
    path = folder / f"{design.files.name}.pt"
    torch.save(raw_layout(design), path)
    return load_raw_graph(path, rails=np.flatnonzero(design.graph.rails).tolist())


def raw_rows(data: Path, seed: int, scratch: Path) -> Iterator[dict[str, Any]]:
    """Rows of the benchmark: relation means, and a graph network, on designs that did not train."""
    items = {name: read_back(scratch, pin_level_design(data, name)) for name in (*TRAIN, *TEST)}
    config = replace(GCN_PLUS, relative=True).config(len(TRAIN), seed)
    labels = {name: raw_labels(item, config.model, floor_farad=MIN_CAP_FARAD) for name, item in items.items()}
    train = [labels[name] for name in TRAIN]
    model = fit_pair_model(train, config, folder=scratch / f"raw-{seed}", widths=COLUMNS, accelerator="cpu")
    mean = _relation_means(train)
    overall = torch.cat([d.load_decades[d.loaded > 0] for d in train]).mean()
    scale = TargetScale.named(config.model.target_scale)
    for name in TEST:
        design = labels[name]
        loads = overall.expand(design.graph.nets)
        yield _row(name, "relation-mean", seed, row_scores(design, design.relative @ mean, loads, scale))
        yield _row(name, "gcn-plus", seed, pair_scores(model, design))


def _relation_means(train: Sequence[PairLabels]) -> torch.Tensor:
    decades = torch.cat([d.decades for d in train])
    relation = torch.cat([d.relative * d.coupled[:, None] for d in train])
    return (relation * decades[:, None]).sum(dim=0) / relation.sum(dim=0).clamp(min=1)


def _row(name: str, method: str, seed: int, scores: dict[str, Any]) -> dict[str, Any]:
    return {
        "split": "raw",
        "design": name,
        "method": method,
        "seed": seed,
        "training_designs": len(TRAIN),
        **scores,
    }
