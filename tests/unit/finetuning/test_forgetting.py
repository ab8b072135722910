"""Error laws of the network come from judging it without what it remembers."""

from __future__ import annotations

import torch

from circuitgcl.models.capacitance import CapacitanceModel
from circuitgcl.models.memory import ContextMemory


def test_memories_come_back_even_after_an_error():
    model = CapacitanceModel()
    model.coupling_memory = ContextMemory(exact=2, structural=1)
    kept = model.coupling_memory, model.existence_memory, model.load_memory
    try:
        with model.forgetting():
            assert not len(model.coupling_memory.exact_keys)
            raise KeyError
    except KeyError:
        pass
    assert (model.coupling_memory, model.existence_memory, model.load_memory) == kept
    assert torch.equal(model.coupling_memory.exact_keys, torch.zeros(2, dtype=torch.int64))
