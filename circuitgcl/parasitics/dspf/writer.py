"""Writer of DSPF (detailed standard parasitic format).

Standard records hold all capacitances. What the format has no word for stands in remarks after two slashes,
which other tools pass over: `// piece` after a sub-node that is a node of the record, `// on NODE` after a
device pin that lies on a node of another name.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from circuitgcl.errors import ParasiticsError
from circuitgcl.files import write_atomically
from circuitgcl.parasitics.records import Parasitics

_DELIMITER = ":"


def write_dspf(parasitics: Parasitics, path: str | Path, *, program: str = "circuitgcl") -> None:
    """Write a record as DSPF, in one step and the same text every time.

    Values keep all digits. Each coupling stands once, in the section of the net that comes first; the total
    of a net is its ground capacitance and its couplings to other nets. Reading the file gives the record
    again, with the nodes net by net and each net's own node first; `source` and `skipped_cards` are those of
    the new file.

    Args:
        parasitics: any level.
        path: file to write, plain text.
        program: what `*|PROGRAM` shall say.

    Raises:
        ParasiticsError: a name cannot be written in DSPF, occurs twice or is that of the reference node, or a
            capacitance is negative or not finite.
        DataError: the file cannot be written.
    """
    write_atomically(Path(path), dspf_text(parasitics, program=program))


def dspf_text(parasitics: Parasitics, *, program: str = "circuitgcl") -> str:
    """What `write_dspf` writes.

    Raises:
        ParasiticsError: as for `write_dspf`.
    """
    _check(parasitics)
    if any(not c.isprintable() for c in parasitics.design + program):
        raise ParasiticsError(f"design {parasitics.design!r} cannot stand in one line of DSPF.")
    return "".join(f"{line}\n" for line in _lines(parasitics, program))


def _lines(parasitics: Parasitics, program: str) -> Iterator[str]:
    design = parasitics.design
    yield "*|DSPF 1.3"
    yield f'*|DESIGN "{design}"'
    yield f'*|PROGRAM "{program}"'
    yield "*|DIVIDER /"
    yield f"*|DELIMITER {_DELIMITER}"
    yield "*|BUSBIT []"
    yield "*|GROUND_NET 0"
    yield f".SUBCKT {'_'.join(design.split()) or 'top'}"
    cards = 0
    by_net = np.argsort(parasitics.node_net, kind="stable")
    bounds = np.searchsorted(parasitics.node_net[by_net], np.arange(len(parasitics.nets) + 1))
    pair_net = np.minimum(parasitics.node_net[parasitics.pair_a], parasitics.node_net[parasitics.pair_b])
    pairs = np.argsort(pair_net, kind="stable")
    pair_bounds = np.searchsorted(pair_net[pairs], np.arange(len(parasitics.nets) + 1))
    for net, (name, total) in enumerate(zip(parasitics.nets, _totals(parasitics), strict=True)):
        yield f"*|NET {name} {total!r}"
        nodes = by_net[bounds[net] : bounds[net + 1]].tolist()
        for node in nodes:
            yield from _node_records(parasitics, node)
        for node in nodes:
            if parasitics.ground_farad[node]:
                cards += 1
                yield f"C{cards} {parasitics.nodes[node]} 0 {float(parasitics.ground_farad[node])!r}"
        for pair in pairs[pair_bounds[net] : pair_bounds[net + 1]].tolist():
            a, b = parasitics.nodes[parasitics.pair_a[pair]], parasitics.nodes[parasitics.pair_b[pair]]
            cards += 1
            yield f"C{cards} {a} {b} {float(parasitics.pair_farad[pair])!r}"
    yield ".ENDS"


def _node_records(parasitics: Parasitics, node: int) -> Iterator[str]:
    """Records that declare a node and the device pins on it."""
    name = parasitics.nodes[node]
    if parasitics.is_pin_level:
        yield f"*|S ({name} 0 0) // piece"
    for pin in parasitics.pins_of(node):
        instance, _, terminal = pin.rpartition(_DELIMITER)
        fields = f"{instance} {terminal}" if instance and terminal else f"{pin} {terminal or 'pin'}"
        yield f"*|I ({pin} {fields} B 0 0 0) // on {name}"


def _totals(parasitics: Parasitics) -> list[float]:
    """Capacitance of each net: to ground and to other nets, [T] farad."""
    net_a, net_b = parasitics.node_net[parasitics.pair_a], parasitics.node_net[parasitics.pair_b]
    apart = net_a != net_b
    ends = np.concatenate([parasitics.node_net, net_a[apart], net_b[apart]])
    farad = np.concatenate([parasitics.ground_farad, *[parasitics.pair_farad[apart]] * 2])
    totals: list[float] = np.bincount(ends, weights=farad, minlength=len(parasitics.nets)).tolist()
    return totals


def _check(parasitics: Parasitics) -> None:
    """Refuse what the file could not say."""
    nets = {name: net for net, name in enumerate(parasitics.nets)}
    if len(nets) < len(parasitics.nets) or len(set(parasitics.nodes)) < len(parasitics.nodes):
        raise ParasiticsError(
            f"{parasitics.design}: a net or node occurs twice; expected names without duplicates."
        )
    if "0" in nets:
        raise ParasiticsError(f"{parasitics.design}: a net is called 0, which is the reference node.")
    for name in (*parasitics.nets, *parasitics.nodes, *parasitics.pin_names):
        if not name or name.split() != [name] or any(c <= " " for c in name):
            raise ParasiticsError(f"{name!r} cannot be a name in DSPF; expected one without blanks.")
    for node, net in zip(parasitics.nodes, parasitics.node_net.tolist(), strict=True):
        if node == "0" or nets.get(node, net) != net:
            raise ParasiticsError(
                f"node {node} of net {parasitics.nets[net]} has the name of another net or of node 0."
            )
    for farad in (parasitics.ground_farad, parasitics.pair_farad):
        if not ((farad >= 0) & (farad < np.inf)).all():
            raise ParasiticsError(f"{parasitics.design}: a capacitance is negative or no number.")
