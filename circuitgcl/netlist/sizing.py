"""Device cards with their parameters evaluated, collected into the `DeviceTable`."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from circuitgcl.errors import OnError
from circuitgcl.netlist.expressions import ExpressionError, Scope, constant
from circuitgcl.netlist.hierarchy import card_error
from circuitgcl.netlist.records import (
    CardSpec,
    DeviceTable,
    Netlist,
    SkippedCard,
    Subcircuit,
)
from circuitgcl.schema import DeviceType

IMPLAUSIBLE_LENGTH_M = 1e-3  # no device is drawn a millimetre long: such numbers are in micrometres

_NUMBER_COLUMNS = ("width_m", "length_m", "fingers", "multiplier", "area_m2", "perimeter_m", "value")
_SIZE_NAMES = frozenset(
    {"w", "width", "l", "length", "nf", "nfin", "m", "mult", "ad", "as", "area", "pd", "ps"}
    | {"pj", "perim", "perimeter"}
)
_DRAWN_TYPES = (DeviceType.NMOS, DeviceType.PMOS, DeviceType.RESISTOR, DeviceType.CAPACITOR)
_VALUE_NAMES = {
    DeviceType.RESISTOR: ("r", "res", "value"),
    DeviceType.CAPACITOR: ("c", "cap", "value"),
    DeviceType.INDUCTOR: ("l", "ind", "value"),
}
_LENGTH_NAMES = {DeviceType.INDUCTOR: ("length",)}  # its `l` is an inductance


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


class SizedCards:
    """Device cards with their parameters evaluated, on their way into a `DeviceTable`.

    Args:
        netlist: whose specs are evaluated.
    """

    def __init__(self, netlist: Netlist) -> None:
        self.netlist = netlist
        self.skipped_cards: list[SkippedCard] = []  # lenient: sizes that cannot be evaluated
        self._micrometre_cards = 0  # cards that gave W and L in micrometres without saying so
        self._columns: list[tuple[DeviceType, int, int, float]] = []  # type, model, pins, multiplier
        self._numbers: list[tuple[float, ...]] = []  # in the order of _NUMBER_COLUMNS
        self._model_index: dict[str, int] = {}
        self._constant_rows: dict[tuple[int, DeviceType, float], int] = {}

    def warnings(self) -> list[str]:
        """What had to be assumed."""
        if not self._micrometre_cards:
            return []
        return [
            f"{self.netlist.path}: {self._micrometre_cards} device cards give W and L in "
            "micrometres without a suffix; scaled by 1e-6"
        ]

    def add(
        self,
        number: int,
        device_type: DeviceType,
        body: Subcircuit,
        scope: Scope,
        multiplier: float,
        path: tuple[str, ...],
    ) -> int:
        """Evaluate the cards of a spec in a body; returns their row.

        Args:
            number: the spec.
            device_type: what it is, model cards considered.
            body: definition the cards stand in.
            scope: parameters of that body.
            multiplier: parallel copies of the instance they stand in.
            path: instance names from the top, for messages.

        Raises:
            NetlistError: a parameter cannot be evaluated.
        """
        key = number, device_type, multiplier
        row = self._constant_rows.get(key)
        if row is not None:
            return row
        spec = self.netlist.specs[number]
        given, is_constant = self._given(number, spec, device_type, body, scope, path)
        numbers, in_micrometres = _sizes(given, device_type, self.netlist.scale)
        if in_micrometres:
            self._micrometre_cards += int(np.count_nonzero(body.cards.spec == number))
        model = self._model_index.setdefault(spec.master, len(self._model_index))
        self._columns.append((device_type, model, spec.pins, multiplier))
        self._numbers.append(numbers)
        row = len(self._numbers) - 1
        if is_constant:
            self._constant_rows[key] = row
        return row

    def _given(
        self,
        number: int,
        spec: CardSpec,
        device_type: DeviceType,
        body: Subcircuit,
        scope: Scope,
        path: tuple[str, ...],
    ) -> tuple[dict[str, float], bool]:
        """Values of the size parameters, and whether they are the same in every scope."""
        value_names = _VALUE_NAMES.get(device_type, ())
        given: dict[str, float] = {}
        is_constant = True
        for name, expression in spec.parameters:
            if name not in _SIZE_NAMES and name not in value_names:
                continue
            value = constant(expression)
            is_constant = is_constant and value is not None
            try:
                given[name] = (
                    evaluate_parameter(expression, scope, dict(spec.parameters)) if value is None else value
                )
            except ExpressionError as error:
                cards = body.cards
                first = cards.first_with(number)
                if self.netlist.on_error is OnError.RAISE:
                    raise card_error(cards, first, f": {error}", path) from error
                self.skipped_cards.append(
                    SkippedCard(
                        kind=f"error: {cards.names[first]}: {name}: {error}", location=cards.location(first)
                    )
                )
        return given, is_constant

    def table(self) -> DeviceTable:
        """Everything added so far."""
        numbers = np.array(self._numbers, np.float64).reshape(-1, len(_NUMBER_COLUMNS))
        columns = dict(zip(_NUMBER_COLUMNS, np.ascontiguousarray(numbers.T), strict=True))
        types, models, pins, multipliers = zip(*self._columns, strict=True) if self._columns else ((),) * 4
        columns["multiplier"] = columns["multiplier"] * np.array(multipliers)
        return DeviceTable(
            device_type=np.array(types, np.int8),
            model=np.array(models, np.int32),
            model_names=tuple(self._model_index),
            pins=np.array(pins, np.int32),
            **columns,
        )


def _sizes(
    given: Mapping[str, float], device_type: DeviceType, scale: float
) -> tuple[tuple[float, ...], bool]:
    """Numbers of a device in the order of the table's columns, and whether they were in micrometres."""

    def first(*names: str, otherwise: float = math.nan) -> float:
        return next((given[name] for name in names if name in given), otherwise)

    def total(one: str, other: str, *names: str) -> float:
        parts = [given[name] for name in (one, other) if name in given]
        return sum(parts) if parts else first(*names)

    length = first(*_LENGTH_NAMES.get(device_type, ("l", "length")))
    is_drawn = device_type in _DRAWN_TYPES
    in_micrometres = scale == 1.0 and is_drawn and length >= IMPLAUSIBLE_LENGTH_M
    scale = 1e-6 if in_micrometres else scale
    numbers = (
        first("w", "width") * scale,
        length * scale,
        max(first("nf", "nfin", otherwise=1.0), 1.0),
        first("m", "mult", otherwise=1.0),
        total("ad", "as", "area") * scale * scale,
        total("pd", "ps", "pj", "perim", "perimeter") * scale,
        first(*_VALUE_NAMES.get(device_type, ())),
    )
    return numbers, in_micrometres
