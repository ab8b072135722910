"""`pretrain`: unlabelled netlists in, a run folder with an encoder checkpoint out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning
from torch.utils.data import DataLoader
from torch_geometric.data import HeteroData

from circuitgcl.errors import DataError
from circuitgcl.graph import CircuitGraph
from circuitgcl.graph.quotient import quotient_graph, structural_colours
from circuitgcl.models.checkpoint import EncoderCheckpoint, save_encoder
from circuitgcl.pretraining.scattering import PretrainConfig, ScatteringModule
from circuitgcl.runs import RunFolder


def _single(batch: list[HeteroData]) -> HeteroData:
    return batch[0]


def _nodes(graph: CircuitGraph, config: PretrainConfig) -> HeteroData:
    """What the encoders see of a circuit."""
    if not config.quotient:
        return graph.to_hetero()
    rounds = config.encoder.layers + config.hops  # the topology constraint looks further than the encoder
    circuit, rails, features = graph.circuit, graph.rails, graph.net_features
    colours = structural_colours(circuit, rails, features, rounds)
    return quotient_graph(circuit, rails, features, colours).to_hetero()


def pretrain(
    graphs: Sequence[CircuitGraph],
    config: PretrainConfig | None = None,
    *,
    folder: str | Path,
    accelerator: str = "auto",
    progress: bool = False,
) -> EncoderCheckpoint:
    """Pretrain an encoder on unlabelled circuits.

    Args:
        graphs: circuit graphs; no label is looked at.
        config: settings; the defaults when absent.
        folder: run folder; an unfinished run in it is resumed.
        accelerator: Lightning accelerator (`auto`, `cpu`, `cuda`).
        progress: show a progress bar.

    Returns:
        The encoder with its monitors; also saved under `folder`.

    Raises:
        DataError: there is no graph to train on.
    """
    if not graphs:
        raise DataError("no circuit to pretrain on")
    config = config or PretrainConfig()
    run = RunFolder(Path(folder), config)
    lightning.seed_everything(config.seed, verbose=False)
    module = ScatteringModule(config)
    rows: Any = [_nodes(graph, config) for graph in graphs]  # a list serves as a data set
    loader: DataLoader[HeteroData] = DataLoader(rows, shuffle=True, collate_fn=_single)
    trainer = run.trainer(max_epochs=config.max_epochs, accelerator=accelerator, progress=progress)
    run.fit(trainer, module, loader)
    checkpoint = EncoderCheckpoint(
        encoder=module.online.eval(),
        trained_on=tuple(sorted({graph.circuit.name for graph in graphs})),
        metrics=module.figures,
    )
    save_encoder(checkpoint, run.path)
    run.write_metrics(module.figures)
    return checkpoint
