"""Definitions whose instances get different capacitors, one copy for each distinct set of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitgcl.errors import DataError, SourceLocation
from circuitgcl.netlist.dialects import DialectName
from circuitgcl.netlist.records import FlatCircuit
from circuitgcl.parasitics.annotation.bodies import BodyText, ChildEdit
from circuitgcl.parasitics.annotation.deck import Deck, language_switch
from circuitgcl.parasitics.annotation.scopes import Scope, place_capacitors
from circuitgcl.parasitics.records import Parasitics

_Signature = tuple[SourceLocation, tuple[str, ...], tuple[str, ...], tuple[ChildEdit, ...]]


@dataclass(frozen=True, slots=True)
class _Added:
    """What the parent of an annotated instance has to know."""

    variant: str
    ports: tuple[int, ...]  # flat nets, in the order of the added ports


class Variants:
    """Annotated copies of the definitions below a top cell.

    Args:
        circuit: the flat circuit.
        deck: its text; the top cell is changed in place, the copies go to the end of the main file.
        ground: name of the reference node.
    """

    def __init__(self, circuit: FlatCircuit, deck: Deck, ground: str) -> None:
        self.circuit, self.deck, self.ground = circuit, deck, ground
        self._bodies: dict[SourceLocation, BodyText] = {}
        self._variants: dict[_Signature, str] = {}
        self._taken = {definition.name.casefold() for definition in circuit.definitions}
        self._copies: list[tuple[BodyText, list[str]]] = []

    def annotate(self, parasitics: Parasitics, net: Sequence[int]) -> None:
        """Enter all changes into the deck.

        Args:
            parasitics: a net-level record.
            net: [N] flat net of every node.

        Raises:
            DataError: a definition or an instance cannot be rewritten.
        """
        scopes = place_capacitors(self.circuit, parasitics, net, self._multiplied())
        parents, positions = self.circuit.instance_parent.tolist(), self.circuit.instance_child.tolist()
        below: dict[int, dict[int, _Added]] = {}  # parent -> position of a child -> what was added to it
        touched = set(scopes)
        for instance in list(touched):
            while instance > 0 and (instance := parents[instance]) not in touched:
                touched.add(instance)
        for instance in sorted(touched, reverse=True):  # children come after their parents
            scope = scopes.get(instance, Scope())
            body = self.body(instance)
            edits = self._edits(instance, scopes, below.pop(instance, {}))
            cards = body.cards(scope.capacitors, self.ground)
            if instance == 0:
                self._annotate_top(body, cards, edits)
                continue
            ports = tuple(sorted(scope.ports, key=scope.ports.__getitem__))
            names = tuple(scope.ports[net] for net in ports)
            variant = self._variant(instance, body, names, tuple(cards), tuple(edits))
            below.setdefault(parents[instance], {})[positions[instance]] = _Added(variant, ports)
        self._append_copies()

    def body(self, instance: int) -> BodyText:
        """Text of the definition of an instance."""
        definition = self.circuit.definitions[self.circuit.instance_definition[instance]]
        location = definition.location
        if location not in self._bodies:
            self._bodies[location] = BodyText.at(
                self.deck.file(location.path), definition.name, location.line
            )
        return self._bodies[location]

    def _multiplied(self) -> NDArray[np.bool_]:
        """Instances that stand for several parallel ones, [I]."""
        circuit = self.circuit
        of_definition: list[NDArray[np.bool_]] = []
        representative = dict(
            zip(circuit.instance_definition.tolist(), range(len(circuit.instance_parent)), strict=True)
        )
        for number, definition in enumerate(circuit.definitions):
            flags = np.zeros(len(definition.child_names), bool)
            if len(flags):
                body = self.body(representative[number])
                flags[:] = [
                    self.body(representative[child]).has_multiplier or body.is_multiplied(name)
                    for child, name in zip(
                        definition.child_definition.tolist(), definition.child_names, strict=True
                    )
                ]
            of_definition.append(flags)
        parents, positions = circuit.instance_parent.tolist(), circuit.instance_child.tolist()
        owners = circuit.instance_definition.tolist()
        found = np.zeros(len(parents), bool)
        found[1:] = [
            of_definition[owners[parent]][position]
            for parent, position in zip(parents[1:], positions[1:], strict=True)
        ]
        return found

    def _edits(
        self, instance: int, scopes: Mapping[int, Scope], below: Mapping[int, _Added]
    ) -> list[ChildEdit]:
        """Changes of the instances inside an instance, in the order of the body."""
        definition = self.circuit.definitions[self.circuit.instance_definition[instance]]
        names = scopes[instance].names if instance in scopes else {}
        return [
            ChildEdit(
                name=definition.child_names[position],
                master=self.circuit.definitions[definition.child_definition[position]].name,
                new_master=added.variant,
                nodes=tuple(names[net] for net in added.ports),
            )
            for position, added in sorted(below.items())
        ]

    def _variant(
        self,
        instance: int,
        body: BodyText,
        ports: tuple[str, ...],
        cards: tuple[str, ...],
        edits: tuple[ChildEdit, ...],
    ) -> str:
        """Name of the copy of a definition with these additions, made if there is none yet."""
        definition = self.circuit.definitions[self.circuit.instance_definition[instance]]
        signature = definition.location, ports, cards, edits
        known = self._variants.get(signature)
        if known is not None:
            return known
        self._check_is_global(body)
        number = len(self._variants) + 1
        name = f"{definition.name}_p{number}"
        while name.casefold() in self._taken:
            name += "_"
        self._taken.add(name.casefold())
        self._variants[signature] = name
        self._copies.append((body, body.copy(name, ports, cards, edits)))
        return name

    def _check_is_global(self, body: BodyText) -> None:
        """Refuse a definition inside another, of which a copy elsewhere would not find what it uses."""
        if body.is_nested:
            raise DataError(
                f"subcircuit {body.name} is defined inside another one; an annotated copy of it would stand "
                "outside. Annotate for ngspice, or move the definition.",
                location=body.location(body.header),
            )

    def _annotate_top(self, body: BodyText, cards: Sequence[str], edits: Sequence[ChildEdit]) -> None:
        for first, last, lines in body.replacements(edits):
            self.deck.replace(body.file, first, last, lines)
        mark = "//" if body.is_spectre else "*"
        others = "; others stand inside its instances" if edits else ""
        note = f"{mark} estimated wiring capacitances of {self.circuit.name}{others}"
        self.deck.insert(body.file, body.end, [note, *cards])

    def _append_copies(self) -> None:
        """Put the copies at the end of the main file, each in its own language."""
        main = self.deck.main
        end = main.end_line
        last_line = max(1, min(end - 1, len(main.lines)))
        outside = main.dialect_at(last_line).name is DialectName.SPECTRE
        language = outside
        for body, lines in self._copies:
            if body.is_spectre != language:
                language = body.is_spectre
                self.deck.insert(main, end, [language_switch(language)])
            self.deck.insert(main, end, ["", *lines])
        if language != outside:
            self.deck.insert(main, end, [language_switch(outside)])
