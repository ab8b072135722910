"""Hierarchical netlist to flat circuit, by index mapping.

Passes, in order: choose the top, resolve and count the hierarchy, elaborate each definition once per set
of parameter values, then compose: the flat arrays of a definition are built once and copied into its parents
with shifted indices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from circuitgcl.errors import NetlistError, shortened
from circuitgcl.netlist.elaboration import Elaboration, grouped
from circuitgcl.netlist.faults import Faults
from circuitgcl.netlist.hierarchy import MAX_DEVICES, choose_top, no_device, resolve_hierarchy
from circuitgcl.netlist.records import Definition, FlatCircuit, IntArray, Netlist

__all__ = ["MAX_DEVICES", "choose_top", "flatten"]

MAX_TERMINALS = 1_000_000_000  # keeps every index within 32 bits


def flatten(netlist: Netlist, top: str | None = None) -> FlatCircuit:
    """Flatten a netlist below its top cell.

    Args:
        netlist: the hierarchy as read.
        top: name of the top subcircuit; chosen by `choose_top` when absent.

    Raises:
        NetlistError: unknown top, undefined or recursive subcircuit, wrong number of ports, a parameter that
            cannot be evaluated, no device, or more than `MAX_DEVICES` devices.
    """
    chosen, warnings = choose_top(netlist, top)
    faults = Faults(netlist)
    hierarchy = resolve_hierarchy(netlist, chosen, faults)
    elaboration = Elaboration(netlist, hierarchy, faults)
    elaboration.run()
    noted = (*netlist.warnings, *warnings, *hierarchy.warnings, *elaboration.warnings())
    definitions = tuple(elaboration.definitions)
    table = elaboration.cards.table()
    _check_terminals(definitions)
    block = _composed_top(definitions)
    if not len(block.device_card):  # none whose condition holds
        raise no_device(chosen)
    return FlatCircuit(
        name=chosen.name,
        path=netlist.path,
        table=table,
        definitions=definitions,
        device_card=block.device_card,
        device_instance=block.device_instance,
        pin_offset=_offsets(table.pins[block.device_card]),
        pin_net=block.pin_net,
        net_instance=block.net_instance,
        net_local=block.net_local,
        instance_definition=block.instance_definition,
        instance_parent=block.instance_parent,
        instance_child=block.instance_child,
        terminal_offset=_offsets(block.terminal_count),
        terminal_net=block.terminal_net,
        global_nets=netlist.global_nets,
        skipped_cards=(*netlist.skipped_cards, *faults.skipped_cards),
        warnings=tuple(map(shortened, noted)),
    )


def _offsets(counts: NDArray[np.integer]) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])


def _check_terminals(definitions: Sequence[Definition]) -> None:
    totals: list[int] = []
    for definition in definitions:
        own = max(definition.net_count, len(definition.pin_net))
        totals.append(own + sum(totals[child] for child in definition.child_definition.tolist()))
    if totals[-1] > MAX_TERMINALS:
        top = definitions[-1]
        raise NetlistError(
            f"{top.name} expands to {totals[-1]:,} terminals; at most {MAX_TERMINALS:,} are handled. "
            "Choose a smaller cell with --top",
            location=top.location,
        )


@dataclass(frozen=True, slots=True)
class _Block:
    """Flat arrays of one definition; nets, instances and children count from the definition itself.

    Its first nets are the boundary: ports and global nets, which a parent replaces by its own.
    """

    device_card: IntArray
    device_instance: IntArray
    pin_net: IntArray
    net_instance: IntArray
    net_local: IntArray
    instance_definition: IntArray
    instance_parent: IntArray
    instance_child: IntArray
    terminal_count: IntArray
    terminal_net: IntArray


_FIELDS = tuple(item.name for item in fields(_Block))
_NET_FIELDS = ("net_instance", "net_local")


def _composed_top(definitions: Sequence[Definition]) -> _Block:
    """Flat arrays of the last definition; children come before parents, so one sweep suffices.

    A block is dropped once its last parent has been built, so that memory follows the result.
    """
    last_use = {child: index for index, d in enumerate(definitions) for child in d.child_definition.tolist()}
    blocks: dict[int, _Block] = {}
    for index, definition in enumerate(definitions):
        blocks[index] = _composed(index, definition, blocks)
        for child in set(definition.child_definition.tolist()):
            if last_use[child] == index:
                del blocks[child]
    return blocks[len(definitions) - 1]


def _composed(index: int, definition: Definition, blocks: Mapping[int, _Block]) -> _Block:
    """Flat arrays of a definition: its own, then those of its children in order.

    All children of one kind are placed at once, so the number of array operations follows the number of
    distinct children.
    """
    own = _own_block(index, definition)
    children = definition.child_definition
    if not len(children):
        return own
    kinds, kind_of_child = np.unique(children, return_inverse=True)
    starts: dict[str, NDArray[np.int64]] = {}
    arrays: dict[str, IntArray] = {}
    for name in _FIELDS:
        sizes = np.array([len(getattr(blocks[kind], name)) for kind in kinds.tolist()], np.int64)[
            kind_of_child
        ]
        if name in _NET_FIELDS:
            sizes -= np.diff(definition.child_net_offset)
        first = getattr(own, name)
        starts[name] = len(first) + _offsets(sizes)
        arrays[name] = np.empty(starts[name][-1], np.int32)
        arrays[name][: len(first)] = first
    for kind, chosen in grouped(children):
        placed = _placed(blocks[kind], definition, chosen, starts)
        for name in _FIELDS:
            _scatter(arrays[name], starts[name][chosen], placed[name])
    return _Block(**arrays)


def _own_block(index: int, definition: Definition) -> _Block:
    nets = np.arange(definition.net_count, dtype=np.int32)
    none = np.full(1, -1, np.int32)
    return _Block(
        device_card=definition.device_card,
        device_instance=np.zeros(len(definition.device_card), np.int32),
        pin_net=definition.pin_net,
        net_instance=np.zeros(len(nets), np.int32),
        net_local=nets,
        instance_definition=np.full(1, index, np.int32),
        instance_parent=none,
        instance_child=none,
        terminal_count=np.full(1, len(nets), np.int32),
        terminal_net=nets,
    )


def _placed(
    block: _Block, parent: Definition, chosen: NDArray[np.int64], starts: Mapping[str, NDArray[np.int64]]
) -> dict[str, IntArray]:
    """Arrays of k equal children in their parent's numbering, [k, n] each.

    Args:
        block: arrays of the child.
        parent: the definition the children stand in.
        chosen: [k] positions of the children among the parent's.
        starts: where each child's part of each array begins in the parent's.
    """
    copies = len(chosen)
    first = parent.child_net_offset[chosen]
    boundary = int(parent.child_net_offset[chosen[0] + 1] - first[0])
    connected = parent.child_net[first[:, None] + np.arange(boundary)]
    inner = np.arange(len(block.net_instance) - boundary, dtype=np.int32)
    net_start = starts["net_instance"][chosen].astype(np.int32)[:, None]
    nets = np.concatenate([connected, net_start + inner], axis=1)
    instance = parent.child_instance[chosen].astype(np.int32)[:, None]
    parents = block.instance_parent + instance
    parents[:, 0] = 0
    positions = np.tile(block.instance_child, (copies, 1))
    positions[:, 0] = chosen
    return {
        "device_card": np.broadcast_to(block.device_card, (copies, len(block.device_card))),
        "device_instance": block.device_instance + instance,
        "pin_net": nets[:, block.pin_net],
        "net_instance": block.net_instance[boundary:] + instance,
        "net_local": np.broadcast_to(block.net_local[boundary:], (copies, len(inner))),
        "instance_definition": np.broadcast_to(
            block.instance_definition, (copies, len(block.instance_parent))
        ),
        "instance_parent": parents,
        "instance_child": positions,
        "terminal_count": np.broadcast_to(block.terminal_count, (copies, len(block.terminal_count))),
        "terminal_net": nets[:, block.terminal_net],
    }


def _scatter(target: IntArray, starts: NDArray[np.int64], rows: IntArray) -> None:
    """Write rows, [k, n], at k places; neighbouring rows need no index."""
    copies, size = rows.shape
    if starts[-1] - starts[0] == (copies - 1) * size:
        target[starts[0] : starts[0] + copies * size] = rows.reshape(-1)
    else:
        target[starts[:, None] + np.arange(size)] = rows
