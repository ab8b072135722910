"""Writer of SPEF: capacitances per net, each coupling in the sections of both its nets, names in a map."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np

from circuitgcl.errors import DataError
from circuitgcl.files import write_atomically
from circuitgcl.parasitics.records import Parasitics
from circuitgcl.parasitics.spef.names import escape

_DIVIDERS = "/.|"  # `:` is the delimiter
_FEMTO_POWER = 15


def write_spef(parasitics: Parasitics, path: str | Path, *, divider: str = "/") -> None:
    """Write a net-level or pin-level record as IEEE 1481 SPEF, in one step.

    Values are in femtofarad and exact; the total of a net is the sum of its rows. A node with pins is written
    as its first pin, to which resistors of zero ohm join the others; nodes without pins are written as metal
    of their net. `read_spef` gives such a record back: names, values and pins are equal, nodes are in the
    order of their nets, a net's own node before its pins. The same record always gives the same text.

    Args:
        parasitics: the record.
        path: file to write; replaced if it exists.
        divider: between the levels of hierarchical names, one of `/ . |`; as the names have it.

    Raises:
        DataError: nothing to write, a name with white space, a pin on two nodes, a negative capacitance, or
            no permission to write.
        ValueError: unknown divider.
    """
    write_atomically(Path(path), spef_text(parasitics, divider=divider))


def spef_text(parasitics: Parasitics, *, divider: str = "/") -> str:
    """What `write_spef` writes.

    Raises:
        DataError: nothing to write, a name with white space, a pin on two nodes, or a negative capacitance.
        ValueError: unknown divider.
    """
    if len(divider) != 1 or divider not in _DIVIDERS:
        raise ValueError(f"divider {divider!r} is not one of / . |")
    _check_names(parasitics)
    layout = _Layout.of(parasitics, divider)
    lines = [*_header(parasitics.design, divider), *layout.name_map, ""]
    for section in _sections(parasitics, layout):
        lines += section
    return "\n".join(lines)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Layout:
    """How nets, nodes and pins are spelled in the file."""

    name_map: list[str]  # lines
    nets: list[str]  # [T] index
    points: list[str]  # [N]
    pins: list[str]  # as Parasitics.pin_names

    @classmethod
    def of(cls, parasitics: Parasitics, divider: str) -> _Layout:
        nets = [f"*{i + 1}" for i in range(len(parasitics.nets))]
        instances: dict[str, str] = {}

        def index_of(name: str) -> str:
            return instances.setdefault(name, f"*{len(nets) + len(instances) + 1}")

        pins = []
        for name in parasitics.pin_names:
            instance, colon, pin = name.rpartition(":")
            pins.append(
                f"{index_of(instance)}:{escape(pin, '')}" if colon and instance and pin else index_of(name)
            )
        offset = parasitics.pin_offset.tolist()
        is_own = [
            parasitics.nodes[i] == parasitics.nets[t] for i, t in enumerate(parasitics.node_net.tolist())
        ]
        points = [
            pins[offset[i]] if offset[i + 1] > offset[i] and not is_own[i] else f"{nets[t]}:1"
            for i, t in enumerate(parasitics.node_net.tolist())
        ]
        names = [
            *zip(nets, parasitics.nets, strict=True),
            *((index, name) for name, index in instances.items()),
        ]
        return cls(
            name_map=[f"{index} {escape(name, divider)}" for index, name in names],
            nets=nets,
            points=points,
            pins=pins,
        )


def _check_names(parasitics: Parasitics) -> None:
    if not parasitics.nets:
        raise DataError("nothing to write: the record has no nets; SPEF needs at least one.")
    if '"' in parasitics.design or not parasitics.design.isprintable():
        raise DataError(f"design name {parasitics.design!r} cannot be written as SPEF; expected no quotes.")
    for name in (*parasitics.nets, *parasitics.pin_names):
        if not name or any(c <= " " or c == "\x7f" for c in name):
            raise DataError(f"name {name!r} cannot be written as SPEF; expected no white space. Rename it.")
    if len(set(parasitics.pin_names)) < len(parasitics.pin_names):
        seen: set[str] = set()
        twice = next(name for name in parasitics.pin_names if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise DataError(f"pin {twice} lies on two nodes; expected each pin on one.")
    for farad in (parasitics.ground_farad, parasitics.pair_farad):
        if not ((farad >= 0) & (farad < np.inf)).all():
            raise DataError(
                f"{parasitics.design} has capacitances that are negative or not finite, such as "
                f"{farad.min():g} F; expected none below 0."
            )


def _header(design: str, divider: str) -> list[str]:
    return [
        '*SPEF "IEEE 1481-1998"',
        f'*DESIGN "{design}"',
        '*DATE ""',  # the text depends on the record alone
        '*VENDOR "circuitgcl"',
        '*PROGRAM "circuitgcl"',
        '*VERSION "1"',
        '*DESIGN_FLOW "COUPLING C" "PIN_CAP NONE" "NAME_SCOPE LOCAL"',
        f"*DIVIDER {divider}",
        "*DELIMITER :",
        "*BUS_DELIMITER [ ]",
        "*T_UNIT 1 PS",
        "*C_UNIT 1 FF",
        "*R_UNIT 1 OHM",
        "*L_UNIT 1 HENRY",
        "",
        "*NAME_MAP",
    ]


def _sections(parasitics: Parasitics, layout: _Layout) -> Iterator[list[str]]:
    """Lines of each net."""
    near = np.concatenate([parasitics.pair_a, parasitics.pair_b])
    far = np.concatenate([parasitics.pair_b, parasitics.pair_a])
    within = parasitics.node_net[near] == parasitics.node_net[far]
    within[: len(parasitics.pair_a)] = False  # of two listings in one section the first stays
    listing = np.flatnonzero(~within)
    by_net = listing[np.lexsort((far[listing], near[listing], parasitics.node_net[near[listing]]))]
    row_stop = np.cumsum(np.bincount(parasitics.node_net[near[by_net]], minlength=len(layout.nets))).tolist()
    nodes_by_net = np.argsort(parasitics.node_net, kind="stable")
    node_stop = np.cumsum(np.bincount(parasitics.node_net, minlength=len(layout.nets))).tolist()
    pair_texts = [_femto(value) for value in parasitics.pair_farad.tolist()]
    row_begin = node_begin = 0
    for net in range(len(layout.nets)):
        nodes = nodes_by_net[node_begin : node_stop[net]].tolist()
        rows = [
            (layout.points[near[i]], layout.points[far[i]], i % len(pair_texts))
            for i in by_net[row_begin : row_stop[net]].tolist()
        ]
        rows = [(a, b, pair) for a, b, pair in rows if a != b]  # two pieces of one net's own metal
        row_begin, node_begin = row_stop[net], node_stop[net]
        ground = parasitics.ground_farad[nodes].tolist()
        caps = [f"{layout.points[node]} {_femto(value)}" for node, value in zip(nodes, ground, strict=True)]
        caps += [f"{a} {b} {pair_texts[pair]}" for a, b, pair in rows]
        total = math.fsum(float(row.rpartition(" ")[2]) for row in caps)
        yield [
            f"*D_NET {layout.nets[net]} {total!r}",
            *_connections(parasitics, layout, nodes),
            "*CAP",
            *(f"{i} {row}" for i, row in enumerate(caps, start=1)),
            *_joined_pins(parasitics, layout, nodes),
            "*END",
            "",
        ]


def _connections(parasitics: Parasitics, layout: _Layout, nodes: list[int]) -> list[str]:
    offset = parasitics.pin_offset
    pins = [pin for node in nodes for pin in layout.pins[offset[node] : offset[node + 1]]]
    return ["*CONN", *(f"*I {pin} B" for pin in pins)] if pins else []


def _joined_pins(parasitics: Parasitics, layout: _Layout, nodes: list[int]) -> list[str]:
    """Resistors of zero ohm from the first pin of a node to its other pins."""
    offset = parasitics.pin_offset
    rows: list[str] = []
    for node in nodes:
        first, *others = layout.pins[offset[node] : offset[node + 1]] or [""]
        if first == layout.points[node]:
            rows += [f"{first} {other} 0" for other in others]
    return ["*RES", *(f"{i} {row}" for i, row in enumerate(rows, start=1))] if rows else []


def _femto(farad: float) -> str:
    """Value in femtofarad, in the decimal digits that give the same float back."""
    return str(Decimal(repr(farad)).scaleb(_FEMTO_POWER))
