"""Device cards with their parameters evaluated, collected into the `DeviceTable`."""

from __future__ import annotations

import math

import numpy as np

from circuitgcl.errors import NetlistError
from circuitgcl.netlist.expressions import ExpressionError, Scope, constant
from circuitgcl.netlist.records import HIERARCHY_SEPARATOR, DeviceCard, DeviceTable, InstanceCard
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


def evaluate_parameter(
    expression: str, scope: Scope, card: DeviceCard | InstanceCard, path: tuple[str, ...]
) -> float:
    """Value of one parameter of a card.

    Names come from the surrounding scope; one that is unknown there may be another parameter of the same
    card, as schematic editors write them (`nf=2 ad='int((nf+1)/2) * w/nf * 0.29'`).

    Raises:
        NetlistError: the expression cannot be evaluated; the message names card, line and instance path.
    """
    try:
        return scope.evaluate(expression)
    except ExpressionError as error:
        own = {name: text for name, text in card.parameters.items() if not scope.knows(name)}
        try:
            return Scope(own, parent=scope).evaluate(expression)
        except ExpressionError:
            raise NetlistError(
                f"{card.name}: {error}", location=card.location, instance_path=HIERARCHY_SEPARATOR.join(path)
            ) from error


class CardTable:
    """Evaluated device cards on their way into a `DeviceTable`.

    Args:
        scale: metres per drawn unit of W and L.
    """

    def __init__(self, scale: float) -> None:
        self.scale = scale
        self.micrometre_cards = 0  # cards that gave W and L in micrometres without saying so
        self._names: list[str] = []
        self._types: list[DeviceType] = []
        self._models: list[int] = []
        self._pins: list[int] = []
        self._numbers: list[tuple[float, ...]] = []  # in the order of _NUMBER_COLUMNS
        self._multipliers: list[float] = []
        self._model_index: dict[str, int] = {}
        self._constant: dict[tuple[int, DeviceType], tuple[tuple[float, ...], bool]] = {}

    def add(
        self,
        card: DeviceCard,
        device_type: DeviceType,
        scope: Scope,
        multiplier: float,
        path: tuple[str, ...],
    ) -> int:
        """Evaluate a card; returns its row.

        Args:
            card: the card.
            device_type: what it is, model cards considered.
            scope: parameters of the body it stands in.
            multiplier: parallel copies of the instance it stands in.
            path: instance names from the top, for messages.

        Raises:
            NetlistError: a parameter cannot be evaluated.
        """
        # cards of the same parameter text share one mapping, which the netlist keeps alive
        shared = id(card.parameters), device_type
        known = self._constant.get(shared)
        if known is None:
            known, is_constant = self._evaluate(card, device_type, scope, path)
            if is_constant:
                self._constant[shared] = known
        numbers, in_micrometres = known
        self.micrometre_cards += in_micrometres
        self._names.append(card.name)
        self._types.append(device_type)
        self._models.append(self._model_index.setdefault(card.model, len(self._model_index)))
        self._pins.append(len(card.nodes))
        self._numbers.append(numbers)
        self._multipliers.append(multiplier)
        return len(self._names) - 1

    def _evaluate(
        self, card: DeviceCard, device_type: DeviceType, scope: Scope, path: tuple[str, ...]
    ) -> tuple[tuple[tuple[float, ...], bool], bool]:
        """Numbers of a card, whether they were micrometres, and whether they are the same in every scope."""
        value_names = _VALUE_NAMES.get(device_type, ())
        given: dict[str, float] = {}
        is_constant = True
        for name, expression in card.parameters.items():
            if name in _SIZE_NAMES or name in value_names:
                number = constant(expression)
                is_constant = is_constant and number is not None
                given[name] = evaluate_parameter(expression, scope, card, path) if number is None else number

        def first(*names: str, otherwise: float = math.nan) -> float:
            return next((given[name] for name in names if name in given), otherwise)

        def total(one: str, other: str, *names: str) -> float:
            parts = [given[name] for name in (one, other) if name in given]
            return sum(parts) if parts else first(*names)

        length = first(*_LENGTH_NAMES.get(device_type, ("l", "length")))
        is_drawn = device_type in _DRAWN_TYPES
        in_micrometres = self.scale == 1.0 and is_drawn and length >= IMPLAUSIBLE_LENGTH_M
        scale = 1e-6 if in_micrometres else self.scale
        numbers = (
            first("w", "width") * scale,
            length * scale,
            max(first("nf", "nfin", otherwise=1.0), 1.0),
            first("m", "mult", otherwise=1.0),
            total("ad", "as", "area") * scale * scale,
            total("pd", "ps", "pj", "perim", "perimeter") * scale,
            first(*value_names),
        )
        return (numbers, in_micrometres), is_constant

    def table(self) -> DeviceTable:
        """Everything added so far."""
        numbers = np.array(self._numbers, np.float64).reshape(-1, len(_NUMBER_COLUMNS))
        columns = dict(zip(_NUMBER_COLUMNS, np.ascontiguousarray(numbers.T), strict=True))
        columns["multiplier"] = columns["multiplier"] * self._multipliers
        return DeviceTable(
            device_type=np.array(self._types, np.int8),
            model=np.array(self._models, np.int32),
            model_names=tuple(self._model_index),
            name=tuple(self._names),
            pins=np.array(self._pins, np.int32),
            **columns,
        )
