"""Tensors of a design carry the same information as graph and labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import torch

from circuitgcl.data import Design, Labels, load_design, synthetic_array
from circuitgcl.data.tensors import design_tensors
from circuitgcl.graph import CircuitGraph


def synthetic(folder: Path, rows: int = 3, columns: int = 4) -> Design:
    return load_design(synthetic_array(rows, columns).write(folder))


def test_occurrences_name_the_nets_that_terminals_join(tmp_path: Path):
    design = synthetic(tmp_path)
    graph, tensors = design.graph, design_tensors(design.graph)
    circuit, terminals = graph.circuit, graph.terminals
    definitions = circuit.definitions
    expected = sorted(
        (int(terminals.offset[kind]) + local, int(net))
        for kind, start in zip(circuit.instance_definition, circuit.terminal_offset, strict=False)
        for local, net in enumerate(circuit.terminal_net[start : start + definitions[kind].net_count])
        if not graph.rails[net]
    )
    found = zip(tensors.occurrence_terminal.tolist(), tensors.occurrence_net.tolist(), strict=True)
    assert sorted(found) == expected
    assert torch.equal(tensors.signal, torch.from_numpy(graph.rails == 0))


def test_keys_survive_as_signed_numbers(tmp_path: Path):
    design = synthetic(tmp_path)
    tensors = design_tensors(design.graph)
    assert tensors.context_exact.dtype == torch.int64
    assert np.array_equal(tensors.context_exact.numpy().view(np.uint64), design.graph.contexts.key_exact)
    assert np.array_equal(tensors.terminal_exact.numpy().view(np.uint64), design.graph.terminals.key_exact)


def test_every_label_goes_to_its_candidate_or_is_distant(
    graph: CircuitGraph, labelled: Callable[[str], Labels]
):
    labels = labelled("a b 1\nb c 2\na c 3\nb 0 4")
    keep = np.array([pair != [0, 1] for pair in graph.contexts.pair.tolist()])
    position = np.cumsum(keep) - 1
    chosen = keep[graph.contexts.occurrence_pair]
    fewer = replace(
        graph.contexts,
        pair=graph.contexts.pair[keep],
        occurrence_pair=position[graph.contexts.occurrence_pair[chosen]].astype(np.int32),
        occurrence_context=graph.contexts.occurrence_context[chosen],
    )
    tensors = design_tensors(replace(graph, contexts=fewer), labels)
    assert tensors.labels is not None
    truth = {
        tuple(pair): farad * 1e15
        for pair, farad in zip(labels.pair.tolist(), labels.coupling_farad.tolist(), strict=True)
    }
    assert len(truth) == 3
    assert tensors.labels.distant_pair.tolist() == [[0, 1]]
    assert tensors.labels.distant_ff.tolist() == [np.float32(truth[0, 1])]
    for pair, value in zip(tensors.pair.tolist(), tensors.labels.candidate_ff.tolist(), strict=True):
        assert value == np.float32(truth.get(tuple(pair), 0.0))
    assert np.array_equal(
        tensors.labels.load_ff.numpy(), (labels.load_farad * 1e15).astype(np.float32), equal_nan=True
    )


def test_a_circuit_without_candidates(graph: CircuitGraph, labelled: Callable[[str], Labels]):
    nothing = np.zeros(0, np.int32)
    empty = replace(
        graph.contexts, pair=np.zeros((0, 2), np.int32), occurrence_pair=nothing, occurrence_context=nothing
    )
    tensors = design_tensors(replace(graph, contexts=empty), labelled("a b 1\nb c 2"))
    assert tensors.labels is not None
    assert len(tensors.labels.candidate_ff) == 0
    assert tensors.labels.distant_ff.tolist() == [1.0, 2.0]


def test_all_tensors_move(tmp_path: Path):
    design = synthetic(tmp_path, 1, 1)
    tensors = design_tensors(design.graph, design.labels)
    moved = tensors.to("meta")
    assert moved.labels is not None
    for record in (moved, moved.labels):
        values = [getattr(record, field.name) for field in fields(record)]
        assert {value.device.type for value in values if isinstance(value, torch.Tensor)} == {"meta"}
    assert moved.hetero["net"].x.device.type == "meta"
    assert (moved.name, moved.pair.shape) == (tensors.name, tensors.pair.shape)
