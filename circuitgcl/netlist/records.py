"""Records of the netlist room: the hierarchical `Netlist` as read, and the `FlatCircuit` as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import overload

import numpy as np
from numpy.typing import NDArray

from circuitgcl.errors import OnError, SourceLocation
from circuitgcl.netlist.names import NameList
from circuitgcl.schema import DeviceType

IntArray = NDArray[np.int32]
FloatArray = NDArray[np.float64]

Function = tuple[tuple[str, ...], str]  # argument names, body

HIERARCHY_SEPARATOR = "/"
GROUND_KEY = "0"
GROUND_NAMES = ("0", "gnd")  # both are the reference node wherever they are no port
MISSING_FILE_KINDS = ("missing .include ", "missing .lib ")  # how skipped cards of missing files begin


@dataclass(frozen=True, slots=True, kw_only=True)
class CardSpec:
    """What a card says besides its name and its nodes; alike cards share one."""

    kind: DeviceType | None  # None for an instance: what its master is shows when the whole netlist is read
    master: str  # model, subcircuit or primitive; empty for a plain R, C or L
    pins: int
    parameters: tuple[tuple[str, str], ...]  # lower-case name, expression text
    condition: str = ""  # expression in the parameters of its body that must hold; from `.if`


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One element or instance as written."""

    name: str
    kind: DeviceType | None  # None for an instance
    nodes: tuple[str, ...]  # order of the card
    master: str
    parameters: Mapping[str, str]  # lower-case name -> expression text
    location: SourceLocation


@dataclass(frozen=True, kw_only=True, eq=False)
class CardTable(Sequence[Card]):
    """The c cards of one body as columns; a `Card` is made only when one is asked for."""

    names: NameList  # [c]
    spec: IntArray  # [c] index into specs
    node: IntArray  # nodes of all cards, one after the other, as index into node_names
    line: IntArray  # [c] 1-based
    file: IntArray  # [c] index into files
    node_names: NameList
    specs: Sequence[CardSpec]  # of the whole netlist
    files: Sequence[str]  # of the whole netlist

    def __len__(self) -> int:
        return len(self.spec)

    @cached_property
    def _by_spec(self) -> tuple[IntArray, IntArray, IntArray, IntArray]:
        used, first, position, count = np.unique(
            self.spec, return_index=True, return_inverse=True, return_counts=True
        )
        return used, first.astype(np.int32), position.astype(np.int32), count.astype(np.int32)

    @property
    def used_specs(self) -> IntArray:
        """The u distinct specs of these cards, ascending, [u]."""
        return self._by_spec[0]

    @property
    def spec_position(self) -> IntArray:
        """Position of every card's spec in `used_specs`, [c]."""
        return self._by_spec[2]

    @cached_property
    def node_offset(self) -> NDArray[np.int64]:
        """Where the nodes of each card begin in `node`, [c + 1]."""
        pins = np.array([self.specs[spec].pins for spec in self.used_specs.tolist()], np.int64)
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(pins[self.spec_position])])

    @overload
    def __getitem__(self, index: int) -> Card: ...
    @overload
    def __getitem__(self, index: slice) -> list[Card]: ...
    def __getitem__(self, index: int | slice) -> Card | list[Card]:
        if isinstance(index, slice):
            return [self[position] for position in range(len(self))[index]]
        position = range(len(self))[index]
        spec = self.specs[self.spec[position]]
        start, stop = self.node_offset[position : position + 2]
        return Card(
            name=self.names[position],
            kind=spec.kind,
            nodes=tuple(self.node_names[node] for node in self.node[start:stop].tolist()),
            master=spec.master,
            parameters=dict(spec.parameters),
            location=self.location(position),
        )

    def location(self, position: int) -> SourceLocation:
        """Where a card stands."""
        return SourceLocation(self.files[self.file[position]], int(self.line[position]))

    def first_with(self, spec: int) -> int:
        """Position of the first card of a spec."""
        used, first, _, _ = self._by_spec
        return int(first[np.searchsorted(used, spec)])

    def count_with(self, spec: int) -> int:
        """Number of cards of a spec."""
        used, _, _, count = self._by_spec
        return int(count[np.searchsorted(used, spec)])


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedCard:
    """A card that was read but carries nothing the circuit needs, or that could not be read."""

    kind: str
    location: SourceLocation


@dataclass(frozen=True, kw_only=True, eq=False)
class Subcircuit:
    """A subcircuit definition; the file's own top level is one without ports."""

    name: str
    ports: tuple[str, ...]
    defaults: Mapping[str, str]  # header parameters: lower-case name -> expression text
    location: SourceLocation
    scope: tuple[str, ...]  # folded names of the enclosing definitions, outermost first
    parameters: Mapping[str, str]  # local .param
    functions: Mapping[str, Function]  # .func
    models: Mapping[str, DeviceType]  # folded .model name -> type
    nodes: NameList  # distinct ports first, then by first appearance
    port_nodes: tuple[int, ...]  # node of every port
    port_direction: NDArray[np.int8]  # PortDirection of every distinct port, as comments state it
    global_nodes: Mapping[int, str]  # nodes that are global nets: node -> key of the net
    cards: CardTable

    @property
    def port_count(self) -> int:
        """Number of distinct ports; some writers list a supply port twice."""
        return max(self.port_nodes, default=-1) + 1


@dataclass(frozen=True, kw_only=True)
class Netlist:
    """A hierarchical netlist as read from its files; nothing is elaborated yet."""

    name: str  # file stem
    path: str
    dialect: str  # of the main file
    main: Subcircuit  # what stands outside every definition
    subcircuits: Mapping[tuple[str, ...], Subcircuit]  # qualified folded name -> definition
    specs: Sequence[CardSpec]  # of all cards of all bodies
    global_nets: tuple[str, ...]
    scale: float  # `.option scale`: metres per drawn unit of W and L
    case_sensitive: bool
    on_error: OnError
    skipped_cards: tuple[SkippedCard, ...]
    warnings: tuple[str, ...]

    @property
    def source_files(self) -> tuple[str, ...]:
        """All files that were read, the main one first."""
        return tuple(self.main.cards.files)

    @cached_property
    def missing_files(self) -> tuple[str, ...]:
        """Statements whose file was not found."""
        kinds = (card.kind for card in self.skipped_cards)
        return tuple(kind for kind in kinds if kind.startswith(MISSING_FILE_KINDS))

    def fold(self, name: str) -> str:
        """The form in which names are compared."""
        return name if self.case_sensitive else name.casefold()

    def find(self, name: str, scope: tuple[str, ...] = ()) -> Subcircuit | None:
        """Definition visible under `name` from inside `scope`, innermost first."""
        key = self.fold(name)
        for depth in range(len(scope), -1, -1):
            found = self.subcircuits.get((*scope[:depth], key))
            if found is not None:
                return found
        return None

    def scope_inside(self, definition: Subcircuit) -> tuple[str, ...]:
        """Scope that the body of a definition looks names up from."""
        return () if definition is self.main else (*definition.scope, self.fold(definition.name))


@dataclass(frozen=True, kw_only=True)
class DeviceTable:
    """Distinct kinds of devices after parameter evaluation, K rows; lengths in metres, absent values NaN.

    A flat circuit of a million transistors has a few rows here, and refers to them by index.
    """

    device_type: NDArray[np.int8]  # [K] DeviceType
    model: IntArray  # [K] index into model_names
    model_names: tuple[str, ...]
    pins: IntArray  # [K] number of terminals
    width_m: FloatArray  # [K] drawn width of all fingers together
    length_m: FloatArray  # [K]
    fingers: FloatArray  # [K] at least 1
    multiplier: FloatArray  # [K] parallel copies, through all levels
    area_m2: FloatArray  # [K] junction or plate area
    perimeter_m: FloatArray  # [K]
    value: FloatArray  # [K] ohm, farad or henry

    def __len__(self) -> int:
        return len(self.device_type)


@dataclass(frozen=True, kw_only=True)
class Definition:
    """One elaborated subcircuit body: a definition under one set of parameter values.

    Its nets are numbered locally: ports first, then the global nets it uses, then internal nets.
    """

    name: str
    net_labels: NameList  # [n] as spelled
    port_count: int
    port_direction: NDArray[np.int8]  # [ports] PortDirection, as far as the netlist states it
    device_names: NameList  # [d] as spelled
    device_card: IntArray  # [d] rows of the DeviceTable
    pin_offset: NDArray[np.int64]  # [d + 1]
    pin_net: IntArray  # [p] local net of each own device's terminal
    child_definition: IntArray  # [c] index into FlatCircuit.definitions
    child_names: NameList  # [c]
    child_instance: NDArray[np.int64]  # [c] instance number of the child relative to this instance
    child_net_offset: NDArray[np.int64]  # [c + 1]
    child_net: IntArray  # local net at each port of each child, then at each of its global nets
    location: SourceLocation

    @property
    def net_count(self) -> int:
        """Number of local nets."""
        return len(self.net_labels)


@dataclass(frozen=True, kw_only=True)
class FlatCircuit:
    """A flattened circuit as structure of arrays.

    D devices, P pins, N nets, I instances (instance 0 is the top itself, then depth first), T terminals
    (one row per instance and local net). Names are rebuilt from the hierarchy only when asked for.
    """

    name: str
    path: str
    table: DeviceTable
    definitions: tuple[Definition, ...]
    device_card: IntArray  # [D]
    device_instance: IntArray  # [D]
    pin_offset: NDArray[np.int64]  # [D + 1]
    pin_net: IntArray  # [P]
    net_instance: IntArray  # [N] instance that owns the net
    net_local: IntArray  # [N] local net number in that instance
    instance_definition: IntArray  # [I]
    instance_parent: IntArray  # [I], -1 for the top
    instance_child: IntArray  # [I] position among the parent's children
    terminal_offset: NDArray[np.int64]  # [I + 1]
    terminal_net: IntArray  # [T] flat net of every local net of every instance
    global_nets: tuple[str, ...]
    skipped_cards: tuple[SkippedCard, ...]
    warnings: tuple[str, ...]

    @property
    def device_count(self) -> int:
        """Number of flat devices D."""
        return len(self.device_card)

    @property
    def net_count(self) -> int:
        """Number of flat nets N."""
        return len(self.net_instance)

    @property
    def pin_count(self) -> int:
        """Number of device terminals P."""
        return len(self.pin_net)

    @cached_property
    def pin_device(self) -> IntArray:
        """Device of every pin, [P]."""
        return np.repeat(np.arange(self.device_count, dtype=np.int32), np.diff(self.pin_offset))

    @cached_property
    def pin_position(self) -> IntArray:
        """SPICE position of every pin in its device, [P], from 0."""
        starts = np.repeat(self.pin_offset[:-1], np.diff(self.pin_offset))
        return (np.arange(self.pin_count) - starts).astype(np.int32)

    @cached_property
    def device_position(self) -> IntArray:
        """Position of every device among those of its own instance, [D]."""
        first = np.searchsorted(self.device_instance, self.device_instance)
        return (np.arange(self.device_count) - first).astype(np.int32)

    @cached_property
    def instance_paths(self) -> NameList:
        """Hierarchical name of every instance, [I]; the top's is empty."""
        labels = [list(definition.child_names) for definition in self.definitions]
        paths = [""] * len(self.instance_parent)
        parents, children = self.instance_parent.tolist(), self.instance_child.tolist()
        owners = self.instance_definition.tolist()
        for instance in range(1, len(paths)):
            parent = parents[instance]
            label = labels[owners[parent]][children[instance]]
            paths[instance] = f"{paths[parent]}{HIERARCHY_SEPARATOR}{label}" if parent else label
        return NameList.of(paths)

    def net_names(self, nets: Iterable[int] | None = None) -> list[str]:
        """Flat names, `/` between instance names, spelled as in the file."""
        chosen = np.arange(self.net_count) if nets is None else np.fromiter(nets, np.int64)
        labels = [definition.net_labels for definition in self.definitions]
        return self._qualified(self.net_instance[chosen], self.net_local[chosen], labels)

    def device_names(self, devices: Iterable[int] | None = None) -> list[str]:
        """Flat device names, `/` between instance names."""
        chosen = np.arange(self.device_count) if devices is None else np.fromiter(devices, np.int64)
        labels = [definition.device_names for definition in self.definitions]
        return self._qualified(self.device_instance[chosen], self.device_position[chosen], labels)

    def _qualified(self, instances: IntArray, positions: IntArray, labels: Sequence[NameList]) -> list[str]:
        """Names of things by the instance they stand in and their position in its definition."""
        paths = self._paths_of(instances)
        owners = self.instance_definition[instances]
        lists = {owner: list(labels[owner]) for owner in np.unique(owners).tolist()}
        return [
            f"{path}{HIERARCHY_SEPARATOR}{lists[owner][position]}" if path else lists[owner][position]
            for path, owner, position in zip(paths, owners.tolist(), positions.tolist(), strict=True)
        ]

    def _paths_of(self, instances: IntArray) -> list[str]:
        """Hierarchical names of a few instances, or of all."""
        if len(instances) < 64:
            return [self._path_of(instance) for instance in instances.tolist()]
        paths = list(self.instance_paths)
        return [paths[instance] for instance in instances.tolist()]

    def _path_of(self, instance: int) -> str:
        names: list[str] = []
        while instance > 0:
            parent = int(self.instance_parent[instance])
            definition = self.definitions[self.instance_definition[parent]]
            names.append(definition.child_names[int(self.instance_child[instance])])
            instance = parent
        return HIERARCHY_SEPARATOR.join(reversed(names))
