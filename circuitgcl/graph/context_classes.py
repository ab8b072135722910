"""Classes of terminals, contexts and candidate pairs: what a capacitance model has to look at once.

A terminal is what its descriptors, its memory keys and the nets that play it are; a context is its two
terminals and its own descriptors; a pair is the multiset of its contexts. In a hierarchical netlist terminals
and contexts are per definition, hence few already; in a flat one classes make them few.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitgcl.graph.building import CircuitGraph
from circuitgcl.graph.contexts import terminal_rows
from circuitgcl.graph.hashing import combined, hashed, multisets, row_hashes, unordered
from circuitgcl.graph.quotient import (
    NodeClasses,
    QuotientGraph,
    classes_of,
    counted_edges,
    quotient_graph,
    structural_colours,
)
from circuitgcl.graph.segments import Index


@dataclass(frozen=True, kw_only=True)
class ClassOccurrences:
    """How often classes of one kind occur in each class of another."""

    part: Index  # [X]
    whole: Index  # [X]
    count: Index  # [X] occurrences of `part` in each member of `whole`


@dataclass(frozen=True, kw_only=True)
class CircuitClasses:
    """The quotient of a circuit graph and of its contexts; exact for an encoder of `rounds` layers.

    Net classes are as fine as what is asked of nets: those of one class have equal embeddings and equal load.
    """

    quotient: QuotientGraph
    terminal: NodeClasses  # of Q terminals
    context: NodeClasses  # of K contexts
    pair: NodeClasses  # of P candidate pairs
    context_side: NDArray[np.int64]  # [C_context, 2] terminal classes
    net_in_terminal: ClassOccurrences  # net classes (part) that play a terminal class
    terminal_in_net: ClassOccurrences  # terminal classes (part) that a net class joins
    context_in_pair: ClassOccurrences  # contexts (part) of a pair class
    tied_in_net: ClassOccurrences  # contexts (part) in which a net class meets a rail


def circuit_classes(graph: CircuitGraph, rounds: int) -> CircuitClasses:
    """Classes of a circuit graph for an encoder of `rounds` layers."""
    circuit, terminals, contexts = graph.circuit, graph.terminals, graph.contexts
    row, flat = terminal_rows(circuit, terminals), circuit.terminal_net
    kept = graph.rails[flat] == 0
    row, flat = row[kept], flat[kept]
    colours = structural_colours(circuit, graph.rails, graph.net_features, rounds)
    terminal = classes_of(
        combined(
            row_hashes(graph.terminal_features),
            terminals.key_exact,
            terminals.key_structural,
            multisets(row, combined(colours.net)[flat], len(terminals.local)),
        )
    )
    side_a, side_b = terminal.row_class[contexts.side_a], terminal.row_class[contexts.side_b]
    context = classes_of(
        combined(
            unordered(hashed(side_a), hashed(side_b)),
            row_hashes(graph.pair_features),
            contexts.key_exact,
            contexts.key_structural,
        )
    )
    joined, member = hashed(terminal.row_class), hashed(context.row_class)
    net_colours = combined(
        colours.net,
        multisets(flat, joined[row], circuit.net_count),
        multisets(contexts.tied_net, member[contexts.tied_context], circuit.net_count),
    )
    quotient = quotient_graph(circuit, graph.rails, graph.net_features, colours, net_colours)
    pair = classes_of(
        multisets(contexts.occurrence_pair, member[contexts.occurrence_context], contexts.pair_count)
    )
    chosen = context.representative
    net_class = quotient.net_class
    return CircuitClasses(
        quotient=quotient,
        terminal=terminal,
        context=context,
        pair=pair,
        context_side=np.stack([side_a[chosen], side_b[chosen]], axis=1),
        net_in_terminal=_occurrences(net_class[flat], row, terminal),
        terminal_in_net=_occurrences(terminal.row_class[row], flat, quotient.net),
        context_in_pair=_occurrences(
            context.row_class[contexts.occurrence_context], contexts.occurrence_pair, pair
        ),
        tied_in_net=_occurrences(context.row_class[contexts.tied_context], contexts.tied_net, quotient.net),
    )


def _occurrences(
    part: NDArray[np.integer], whole: NDArray[np.integer], classes: NodeClasses
) -> ClassOccurrences:
    """Parts of the representatives of some wholes, counted; `whole` numbers the rows of `classes`."""
    chosen = np.full(len(classes.row_class), -1)
    chosen[classes.representative] = np.arange(classes.count)
    inside = np.flatnonzero(chosen[whole] >= 0)
    edges = counted_edges(part[inside], chosen[whole[inside]])
    return ClassOccurrences(part=edges.source, whole=edges.target, count=edges.multiplicity)
