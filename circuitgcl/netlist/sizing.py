"""Device cards with their parameters evaluated, collected into the `DeviceTable`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import isfinite, isinf, nan

import numpy as np

from circuitgcl.netlist.expressions import ExpressionError, Scope, constant
from circuitgcl.netlist.faults import Faults
from circuitgcl.netlist.hierarchy import Device, model_type
from circuitgcl.netlist.records import (
    CardSpec,
    DeviceTable,
    Netlist,
    Subcircuit,
)
from circuitgcl.netlist.size_names import ALL_SIZE_NAMES, NO_SIZES, DrawnSizes, drawn_sizes
from circuitgcl.schema import DeviceType

VALUE_NAMES = {DeviceType.RESISTOR: "r", DeviceType.CAPACITOR: "c", DeviceType.INDUCTOR: "l"}
"""Parameter that holds the value of a two-terminal card."""


def evaluate_parameter(expression: str, scope: Scope, parameters: Mapping[str, str]) -> float:
    """Value of one parameter of a card.

    Names come from the surrounding scope; one that is unknown there may be another parameter of the same
    card, as schematic editors write them (`nf=2 ad='int((nf+1)/2) * w/nf * 0.29'`).

    Raises:
        ExpressionError: the expression cannot be evaluated.
    """
    number = constant(expression)
    if number is not None:
        return number
    try:
        return scope.evaluate(expression)
    except ExpressionError as error:
        own = {name: text for name, text in parameters.items() if not scope.knows(name)}
        try:
            return Scope(own, parent=scope).evaluate(expression)
        except ExpressionError:
            raise error from None


def finite_product(first: float, second: float) -> float:
    """Product of two multipliers.

    Raises:
        ExpressionError: it is too large.
    """
    product = first * second
    if not isfinite(product):
        raise ExpressionError(f"the multiplier is too large: {first:g} times {second:g}")
    return product


class SizedCards:
    """Device cards with their parameters evaluated, on their way into a `DeviceTable`.

    Args:
        netlist: whose specs are evaluated.
        faults: what cannot be evaluated goes here; where that is tolerated, the value stays absent.
    """

    def __init__(self, netlist: Netlist, faults: Faults) -> None:
        self.netlist, self.faults = netlist, faults
        self._global_scope = Scope(netlist.main.parameters, functions=netlist.main.functions)
        self._micrometre_cards = 0  # cards that gave lengths in micrometres without saying so
        self._columns: list[tuple[DeviceType, int, int]] = []  # type, model, pins
        self._numbers: list[DrawnSizes] = []
        self._model_index: dict[str, int] = {}
        self._constant_rows: dict[tuple[int, str, DeviceType, float], int] = {}

    def warnings(self) -> list[str]:
        """What had to be assumed."""
        if not self._micrometre_cards:
            return []
        count = self._micrometre_cards
        cards = "1 device card gives" if count == 1 else f"{count} device cards give"
        return [
            f"{self.netlist.path}: {cards} lengths of 1 mm or more; "
            "taken to be in micrometres and scaled by 1e-6"
        ]

    def add(
        self,
        number: int,
        device: Device,
        body: Subcircuit,
        scope: Scope,
        multiplier: float,
        path: tuple[str, ...],
    ) -> int:
        """Evaluate the cards of a spec in a body; returns their row.

        Args:
            number: the spec.
            device: what it is, model cards considered.
            body: definition the cards stand in.
            scope: parameters of that body.
            multiplier: parallel copies of the instance they stand in.
            path: instance names from the top, for messages.

        Raises:
            NetlistError: a parameter cannot be evaluated.
        """
        spec = self._with_value(self.netlist.specs[number], body, scope)
        key = number, spec.master, device.kind, multiplier
        row = self._constant_rows.get(key)
        if row is not None:
            return row
        given, is_constant = self._given(number, spec, device, body, scope, path)
        sizes, in_finer_unit = drawn_sizes(device.kind, given, scale=self.netlist.scale, model=spec.master)
        if in_finer_unit:
            self._micrometre_cards += body.cards.count_with(number)
        model = self._model_index.setdefault(spec.master, len(self._model_index))
        sizes = sizes._replace(multiplier=sizes.multiplier * multiplier)
        if any(map(isinf, sizes)):
            first = body.cards.first_with(number)
            self.faults.report_card(body.cards, first, ": its sizes are too large", path)
            sizes = NO_SIZES
        self._columns.append((device.kind, model, spec.pins))
        self._numbers.append(sizes)
        row = len(self._numbers) - 1
        if is_constant:
            self._constant_rows[key] = row
        return row

    def _with_value(self, spec: CardSpec, body: Subcircuit, scope: Scope) -> CardSpec:
        """A spec in which a parameter's name that stands in the place of a model is the value.

        `R1 a b rload` means either; simulators take it for a value where there is no such model.
        """
        value = VALUE_NAMES.get(spec.kind) if spec.kind is not None else None
        if value is None or not spec.master or any(name == value for name, _ in spec.parameters):
            return spec
        is_model = model_type(self.netlist, body, spec.master) is not None
        if is_model or not scope.knows(spec.master.lower()):
            return spec
        return replace(spec, master="", parameters=(*spec.parameters, (value, spec.master)))

    def _given(
        self,
        number: int,
        spec: CardSpec,
        device: Device,
        body: Subcircuit,
        scope: Scope,
        path: tuple[str, ...],
    ) -> tuple[dict[str, float], bool]:
        """Values of the size parameters, and whether they are the same in every scope."""
        size_names = ALL_SIZE_NAMES[device.kind]
        given: dict[str, float] = {}
        unknown: list[str] = []
        is_constant = True
        for name, expression in spec.parameters:
            if name not in size_names:
                continue
            value = constant(expression)
            is_constant = is_constant and value is not None
            try:
                given[name] = (
                    evaluate_parameter(expression, scope, dict(spec.parameters)) if value is None else value
                )
            except ExpressionError as error:
                unknown.append(name)
                first = body.cards.first_with(number)
                self.faults.report_value(error, body.cards.names[first], body.cards.location(first), path)
        if device.wrapper is not None:
            self._add_defaults(given, unknown, device.wrapper, size_names)
        return given, is_constant

    def _add_defaults(
        self, given: dict[str, float], unknown: Iterable[str], wrapper: Subcircuit, names: frozenset[str]
    ) -> None:
        """Add the sizes that the header of a device's own subcircuit gives where the card does not."""
        values = given | dict.fromkeys(unknown, nan)
        header = Scope(wrapper.defaults, values, wrapper.functions, self._global_scope)
        for name in wrapper.defaults.keys() & names - values.keys():
            try:
                given[name] = header.lookup(name)
            except ExpressionError:  # depends on a model's parameters
                continue

    def table(self) -> DeviceTable:
        """Everything added so far."""
        numbers = np.array(self._numbers, np.float64).reshape(-1, len(DrawnSizes._fields))
        columns = dict(zip(DrawnSizes._fields, np.ascontiguousarray(numbers.T), strict=True))
        types, models, pins = zip(*self._columns, strict=True) if self._columns else ((),) * 3
        return DeviceTable(
            device_type=np.array(types, np.int8),
            model=np.array(models, np.int32),
            model_names=tuple(self._model_index),
            pins=np.array(pins, np.int32),
            **columns,
        )
