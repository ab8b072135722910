"""Labelled designs as sums over contexts, with what a model says of every part."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch

from circuitgcl.data.tensors import DesignTensors
from circuitgcl.finetuning.memory_fitting import MemoryEvidence, joining, meeting
from circuitgcl.finetuning.refitting import Evidence
from circuitgcl.models.adjustment import relation_codes
from circuitgcl.models.capacitance import CapacitanceModel
from circuitgcl.models.scaling import FLOOR_FF

# Errors count by the logarithm of capacitance and floor: what lies far below the floor would hardly move,
# whatever the labels say.
LEAST_LOG = math.log(FLOOR_FF) - 3.0


@torch.no_grad()
def model_evidence(model: CapacitanceModel, designs: Sequence[DesignTensors]) -> dict[str, Evidence]:
    """Labelled sums of coupling, existence and load, with what the model says of each part."""
    parts: dict[str, list[MemoryEvidence]] = {"coupling": [], "existence": [], "load": []}
    sources: dict[str, list[torch.Tensor]] = {key: [] for key in parts}
    relations: dict[str, list[torch.Tensor]] = {key: [] for key in parts}
    for design in designs:
        outputs = model.contexts(design, model.embed(design))
        relation = relation_codes(design.context_features)
        nowhere = torch.full_like(design.terminal_exact, -1)
        for key, memory, own, relations_of_rows in (
            ("coupling", model.coupling_memory, meeting(design, outputs.weight), relation),
            ("existence", model.existence_memory, meeting(design, outputs.hazard), relation),
            (
                "load",
                model.load_memory,
                joining(design, outputs.load, model.tied_load(design, outputs)),
                nowhere,
            ),
        ):
            value, source = memory(own.network, own.exact, own.structural)
            if key != "existence":
                value = value.clamp(min=LEAST_LOG)
            parts[key].append(replace(own, network=value))
            sources[key].append(source)
            relations[key].append(relations_of_rows)
    return {
        key: Evidence(parts=parts[key], source=torch.cat(sources[key]), relation=torch.cat(relations[key]))
        for key in parts
    }
