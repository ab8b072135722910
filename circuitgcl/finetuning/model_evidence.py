"""Labelled designs as sums over contexts, with what a model says of every part."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from circuitgcl.data.tensors import DesignTensors
from circuitgcl.finetuning.memory_fitting import MemoryEvidence
from circuitgcl.finetuning.refitting import Evidence
from circuitgcl.models.adjustment import relation_codes
from circuitgcl.models.capacitance import CapacitanceModel


@torch.no_grad()
def model_evidence(model: CapacitanceModel, designs: Sequence[DesignTensors]) -> dict[str, Evidence]:
    """Labelled sums of coupling, existence and load, with what the model says of each part."""
    parts: dict[str, list[MemoryEvidence]] = {"coupling": [], "existence": [], "load": []}
    sources: dict[str, list[torch.Tensor]] = {key: [] for key in parts}
    relations: dict[str, list[torch.Tensor]] = {key: [] for key in parts}
    for design in designs:
        labels = design.labels
        assert labels is not None
        outputs = model.contexts(design, model.embed(design))
        context = {"exact": design.context_exact, "structural": design.context_structural}
        terminal = {"exact": design.terminal_exact, "structural": design.terminal_structural}
        meeting = {"occurrence_row": design.occurrence_context, "occurrence_item": design.occurrence_pair}
        joining = {"occurrence_row": design.occurrence_terminal, "occurrence_item": design.occurrence_net}
        for key, memory, network, keys, occurrences, target in (
            ("coupling", model.coupling_memory, outputs.weight, context, meeting, labels.candidate_ff),
            ("existence", model.existence_memory, outputs.hazard, context, meeting, labels.candidate_ff),
            ("load", model.load_memory, outputs.load, terminal, joining, labels.load_ff),
        ):
            value, source = memory(network, *keys.values())
            parts[key].append(MemoryEvidence(network=value, target_ff=target, **keys, **occurrences))
            sources[key].append(source)
            codes = (
                relation_codes(design.context_features) if context is keys else torch.full_like(source, -1)
            )
            relations[key].append(codes)
    return {
        key: Evidence(parts=parts[key], source=torch.cat(sources[key]), relation=torch.cat(relations[key]))
        for key in parts
    }
