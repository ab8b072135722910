"""Bodies of subcircuits while their cards are being read: columns that grow, names that get numbers."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from circuitgcl.errors import SourceLocation
from circuitgcl.netlist.names import NameList
from circuitgcl.netlist.records import CardSpec, CardTable, Function, IntArray, Subcircuit
from circuitgcl.schema import DeviceType, PortDirection


class Vocabulary(dict[str, int]):
    """Names of one body, numbered by first appearance; spellings that compare equal share a number."""

    def __init__(self, fold: Callable[[str], str]) -> None:
        super().__init__()
        self.fold = fold
        self.labels: list[str] = []

    def __missing__(self, name: str) -> int:
        folded = self.fold(name)
        if folded != name and folded in self:
            number = self[name] = self[folded]
            return number
        number = self[name] = len(self.labels)
        self.labels.append(name)
        if folded != name:
            self[folded] = number
        return number


@dataclass(slots=True, kw_only=True)
class OpenBody:
    """A definition while its cards are being read."""

    name: str
    ports: tuple[str, ...]
    defaults: dict[str, str]
    location: SourceLocation
    scope: tuple[str, ...]
    nodes: Vocabulary
    port_count: int = 0  # of distinct ports
    parameters: dict[str, str] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    models: dict[str, DeviceType] = field(default_factory=dict)
    connected: list[tuple[str, str]] = field(default_factory=list)  # `.connect`
    directions: dict[int, PortDirection] = field(default_factory=dict)  # by number of the port's node
    names: bytearray = field(default_factory=bytearray)  # as in NameList
    spec: array[int] = field(default_factory=lambda: array("i"))
    node: array[int] = field(default_factory=lambda: array("i"))
    line: array[int] = field(default_factory=lambda: array("i"))
    file: array[int] = field(default_factory=lambda: array("i"))

    def __post_init__(self) -> None:
        self.number_ports(self.ports)

    def number_ports(self, ports: Sequence[str]) -> None:
        """Give a body its ports, which come before all other nodes."""
        self.ports = tuple(ports)
        for port in ports:
            self.nodes[port]  # numbers it
        self.port_count = len(self.nodes.labels)

    def state_directions(self, stated: Iterable[tuple[str, PortDirection]]) -> None:
        """Note what a comment states of ports; what is said first of one counts, other names do not."""
        for name, direction in stated:
            number = self.nodes.get(self.nodes.fold(name), self.port_count)
            if number < self.port_count:
                self.directions.setdefault(number, direction)

    def add_card(self, name: str, nodes: Sequence[str], spec: int, line: int, file: int) -> None:
        """Add a card."""
        self.names += f"{name}\n".encode()
        self.spec.append(spec)
        numbers = self.nodes
        self.node.extend([numbers[node] for node in nodes])
        self.line.append(line)
        self.file.append(file)

    def add_run(self, names: bytes, nodes: IntArray, specs: IntArray, first_line: int, file: int) -> None:
        """Add n cards on successive lines; `nodes` are numbers of the vocabulary, card by card."""
        count = len(specs)
        self.names += names
        self.spec.frombytes(specs.tobytes())
        self.node.frombytes(nodes.tobytes())
        self.line.frombytes(np.arange(first_line, first_line + count, dtype=np.int32).tobytes())
        self.file.frombytes(np.full(count, file, np.int32).tobytes())

    def closed(
        self, global_keys: Mapping[str, str], specs: Sequence[CardSpec], files: Sequence[str]
    ) -> Subcircuit:
        """The finished record, to which the columns are given away.

        Args:
            global_keys: folded names of the global nets, and the key of each.
            specs: of the whole netlist.
            files: of the whole netlist.
        """
        joined = _joined(self)
        vocabulary, node = self.nodes, np.array(self.node, np.int32)
        labels = NameList.of(vocabulary.labels)
        port_nodes = tuple(vocabulary[port] for port in self.ports)
        named = sorted(vocabulary.keys() & global_keys.keys())  # as cheap as the smaller of the two
        numbers = {int(joined[vocabulary[name]]): global_keys[name] for name in named}
        table = CardTable(
            names=NameList(bytes(self.names)),
            spec=np.array(self.spec, np.int32),
            node=joined[node] if self.connected else node,
            line=np.array(self.line, np.int32),
            file=np.array(self.file, np.int32),
            node_names=labels,
            specs=specs,
            files=files,
        )
        self.nodes = Vocabulary(vocabulary.fold)
        self.names, self.spec, self.node = bytearray(), array("i"), array("i")
        self.line, self.file = array("i"), array("i")
        return Subcircuit(
            name=self.name,
            ports=self.ports,
            defaults=self.defaults,
            location=self.location,
            scope=self.scope,
            parameters=self.parameters,
            functions=self.functions,
            models=self.models,
            nodes=labels,
            port_nodes=port_nodes,
            port_direction=np.array(
                [self.directions.get(port, 0) for port in range(self.port_count)], np.int8
            ),
            global_nodes={number: key for number, key in numbers.items() if number >= self.port_count},
            cards=table,
        )


def _joined(body: OpenBody) -> IntArray:
    """What every node is after `.connect`: of connected ones the first that was named."""
    pairs = [(body.nodes[first], body.nodes[second]) for first, second in body.connected]
    lowest = list(range(len(body.nodes.labels)))

    def root(number: int) -> int:
        while lowest[number] != number:
            lowest[number] = lowest[lowest[number]]
            number = lowest[number]
        return number

    for first, second in pairs:
        one, other = sorted((root(first), root(second)))
        lowest[other] = one
    return np.array([root(number) for number in lowest] if pairs else lowest, np.int32)


def is_same(one: Subcircuit, other: Subcircuit) -> bool:
    """Whether two definitions say the same."""
    return (
        (one.ports, one.defaults, one.parameters, one.functions, one.models)
        == (other.ports, other.defaults, other.parameters, other.functions, other.models)
        and one.nodes == other.nodes
        and one.cards.names == other.cards.names
        and np.array_equal(one.cards.spec, other.cards.spec)
        and np.array_equal(one.cards.node, other.cards.node)
    )
