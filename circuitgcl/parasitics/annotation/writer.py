"""Back-annotation: a user's own netlist with the capacitors of a record on the right hierarchical nets.

Two styles. Where a simulator lets a card reach a net inside an instance by its path (`x1.x2.net`), all
cards stand together at the end of the top cell, and the rest of the netlist stays byte for byte. Elsewhere
each card stands in the definition of the instance that owns its nets; definitions are copied where their
instances get different values.

ngspice expands an instance by putting its path before every inner name, which makes paths work in the main
file and, relative, in the body of any definition: its own `listing expand` shows it, and so do the tests. The
other simulators document paths for probes and initial conditions, not for the nodes of cards, so they get the
second style, which asks nothing of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

from circuitgcl.errors import DataError, InputError, SourceLocation
from circuitgcl.files import write_atomically
from circuitgcl.netlist.dialects import DialectName
from circuitgcl.netlist.records import FlatCircuit
from circuitgcl.parasitics.annotation.bodies import BodyText
from circuitgcl.parasitics.annotation.deck import Deck, open_deck
from circuitgcl.parasitics.annotation.scopes import ScopedCapacitor
from circuitgcl.parasitics.annotation.variants import Variants
from circuitgcl.parasitics.records import Parasitics

INCLUDE_SUFFIX = ".inc"  # of a file that holds the cards alone


class Simulator(StrEnum):
    """Simulators that annotated netlists are written for."""

    NGSPICE = "ngspice"
    HSPICE = "hspice"
    SPECTRE = "spectre"
    XYCE = "xyce"
    LTSPICE = "ltspice"


_SIMULATOR_OF = {
    DialectName.HSPICE: Simulator.HSPICE,
    DialectName.CDL: Simulator.HSPICE,
    DialectName.SPECTRE: Simulator.SPECTRE,
    DialectName.XYCE: Simulator.XYCE,
    DialectName.LTSPICE: Simulator.LTSPICE,
}
_REACHES_INNER_NETS = frozenset({Simulator.NGSPICE})
_PATH_DIVIDER = "."
_NO_NODE = frozenset(" \t,=(){}'\";")  # ngspice ends a node there


def simulator_named(name: str | None) -> Simulator | None:
    """Simulator of a name; `None` for none.

    Raises:
        InputError: there is no such simulator.
    """
    if name is None:
        return None
    try:
        return Simulator(name.lower())
    except ValueError:
        raise InputError(f"unknown simulator {name!r}; known: {', '.join(Simulator)}") from None


def write_annotated(
    circuit: FlatCircuit,
    parasitics: Parasitics,
    path: str | Path,
    *,
    simulator: str | None = None,
    dialect: str = "",
) -> None:
    """Write a copy of a netlist with capacitors, or with the suffix `.inc` the capacitors alone, in one step.

    A capacitor to ground stands once for each net, a coupling once for each pair. The copy takes the place of
    the original: a main file is simulated instead of it, a subcircuit is instantiated by the same test bench.

    Args:
        circuit: what the netlist was flattened to; its files are read again.
        parasitics: a net-level record whose nets have flat names of the circuit, `/` between instances.
        path: file to write.
        simulator: `ngspice`, `hspice`, `spectre`, `xyce` or `ltspice`; by the dialect of the netlist when
            absent.
        dialect: of the netlist; detected when empty.

    Raises:
        InputError: unknown simulator, or a path that is a file of the netlist itself.
        NetlistError: a file of the netlist cannot be read.
        DataError: a net is unknown to the circuit or cannot be spelled, a file has changed, a definition
            cannot be copied, or the copy cannot be written.
    """
    text = annotated_text(circuit, parasitics, path, simulator=simulator, dialect=dialect)
    write_atomically(Path(path), text)


def annotated_text(
    circuit: FlatCircuit,
    parasitics: Parasitics,
    path: str | Path,
    *,
    simulator: str | None = None,
    dialect: str = "",
) -> str:
    """What `write_annotated` writes.

    Raises:
        InputError, NetlistError, DataError: as for `write_annotated`.
    """
    path = Path(path)
    chosen = simulator_named(simulator)
    check_not_source(circuit, path)
    deck = open_deck(circuit.path, path.parent, dialect)
    target = chosen or _SIMULATOR_OF.get(deck.main.dialect.name, Simulator.NGSPICE)
    _check_language(deck, target)
    net = _flat_nets(circuit, parasitics)
    if target in _REACHES_INNER_NETS:
        return _with_paths(circuit, parasitics, net, deck, is_include=path.suffix.lower() == INCLUDE_SUFFIX)
    if path.suffix.lower() == INCLUDE_SUFFIX:
        raise InputError(
            f"{path}: {target.value} reaches inner nets only from inside their subcircuits; expected a file "
            f"name of a netlist, since {INCLUDE_SUFFIX} stands for the cards alone"
        )
    Variants(circuit, deck, _ground(circuit, deck)).annotate(parasitics, net)
    return deck.render()


def check_not_source(circuit: FlatCircuit, path: Path) -> None:
    """Refuse to write over a file of the netlist.

    Raises:
        InputError: the path is one.
    """
    sources = {circuit.path, *(definition.location.path for definition in circuit.definitions)}
    if path.exists() and any(Path(source).exists() and path.samefile(source) for source in sources):
        raise InputError(f"{path} is the netlist itself, which is never changed; expected another file name")


def _check_language(deck: Deck, simulator: Simulator) -> None:
    if deck.main.dialect.name is DialectName.SPECTRE and simulator is not Simulator.SPECTRE:
        raise InputError(
            f"{deck.main.path} is in the Spectre language, which {simulator.value} does not read; "
            "expected the simulator spectre"
        )


def _ground(circuit: FlatCircuit, deck: Deck) -> str:
    """Name of the reference node: in Spectre the first global net, where there is one."""
    is_spectre = deck.main.dialect.name is DialectName.SPECTRE
    return circuit.global_nets[0] if is_spectre and circuit.global_nets else "0"


def _flat_nets(circuit: FlatCircuit, parasitics: Parasitics) -> list[int]:
    """Flat net of every node of a record, [N].

    Raises:
        DataError: not a net-level record, or a name that is no net or several.
    """
    if parasitics.is_pin_level:
        raise DataError(
            f"{parasitics.design} is a pin-level record; expected net level. Sum its nodes first."
        )
    names = circuit.net_names()
    number = {name: net for net, name in enumerate(names)}
    if len(number) < len(names):
        seen: set[str] = set()
        twice = {name for name in names if name in seen or seen.add(name)}  # type: ignore[func-returns-value]
        for name in parasitics.nodes:
            if name in twice:
                raise DataError(f"{circuit.path}: two nets have the flat name {name}; rename one of them.")
    for name in parasitics.nodes:
        if name not in number:
            raise DataError(
                f"{circuit.path}: {circuit.name} has no net {name}; expected a flat schematic name."
            )
    return [number[name] for name in parasitics.nodes]


def _with_paths(
    circuit: FlatCircuit, parasitics: Parasitics, net: Sequence[int], deck: Deck, *, is_include: bool
) -> str:
    """A netlist with all cards together in its top cell."""
    top = circuit.definitions[circuit.instance_definition[0]]
    body = BodyText.at(deck.file(top.location.path), top.name, top.location.line)
    names = _paths(circuit, net)
    pairs = zip(
        parasitics.pair_a.tolist(), parasitics.pair_b.tolist(), parasitics.pair_farad.tolist(), strict=True
    )
    capacitors = [
        ScopedCapacitor(name, None, farad)
        for name, farad in zip(names, parasitics.ground_farad.tolist(), strict=True)
        if farad
    ]
    capacitors += [ScopedCapacitor(names[a], names[b], farad) for a, b, farad in pairs if farad]
    for name in names:
        _check_node(name, top.location)
    where = "the top level" if body.header == 0 else f"subcircuit {top.name}, before its .ends"
    cards = [
        f"* estimated wiring capacitances of {circuit.name}: "
        f"{len(capacitors) - len(parasitics.pair_farad)} to ground, {len(parasitics.pair_farad)} couplings",
        *body.cards(capacitors),
    ]
    if is_include:
        return "".join(f"{line}\n" for line in [f"* to be included in {where}", *cards])
    deck.insert(body.file, body.end, cards)
    return deck.render()


def _paths(circuit: FlatCircuit, net: Sequence[int]) -> list[str]:
    """Name of each flat net as seen from the top cell, `.` between instances."""
    children = [list(definition.child_names) for definition in circuit.definitions]
    labels = [list(definition.net_labels) for definition in circuit.definitions]
    owners = circuit.instance_definition.tolist()
    prefix = [""] * len(owners)
    parents, positions = circuit.instance_parent.tolist(), circuit.instance_child.tolist()
    for instance in range(1, len(owners)):
        parent = parents[instance]
        prefix[instance] = f"{prefix[parent]}{children[owners[parent]][positions[instance]]}{_PATH_DIVIDER}"
    instances, locals_ = circuit.net_instance.tolist(), circuit.net_local.tolist()
    return [f"{prefix[instances[n]]}{labels[owners[instances[n]]][locals_[n]]}" for n in net]


def _check_node(name: str, location: SourceLocation) -> None:
    """Refuse a name at which ngspice would cut.

    Raises:
        DataError: it cannot be a node.
    """
    bad = sorted(_NO_NODE & set(name))
    if not bad and name[0] in "$*+":
        bad = [name[0]]
    if not bad and "//" in name:
        bad = ["//"]
    if bad:
        raise DataError(
            f"net {name} cannot be a node of a card for ngspice, which ends names at {bad[0]!r}; "
            "rename the net, or leave it out with --exclude.",
            location=location,
        )
