"""Device cards with their parameters evaluated, collected into the `DeviceTable`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from circuitgcl.errors import NetlistError
from circuitgcl.netlist.expressions import ExpressionError, Scope
from circuitgcl.netlist.records import HIERARCHY_SEPARATOR, DeviceCard, DeviceTable, InstanceCard
from circuitgcl.schema import DeviceType

IMPLAUSIBLE_LENGTH_M = 1e-3  # no device is drawn a millimetre long: such numbers are in micrometres

_NUMBER_COLUMNS = ("width_m", "length_m", "fingers", "multiplier", "area_m2", "perimeter_m", "value")
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


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    device_type: DeviceType
    model: int
    pins: int
    numbers: tuple[float, ...]  # in the order of _NUMBER_COLUMNS


@dataclass(slots=True)
class CardTable:
    """Evaluated device cards on their way into a `DeviceTable`."""

    scale: float  # metres per drawn unit of W and L
    rows: list[_Row] = field(default_factory=list)
    models: dict[str, int] = field(default_factory=dict)
    micrometre_cards: int = 0  # cards that gave W and L in micrometres without saying so

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

        def parameter(*names: str) -> float:
            for name in names:
                if name in card.parameters:
                    return evaluate_parameter(card.parameters[name], scope, card, path)
            return math.nan

        def total(first: str, second: str, *otherwise: str) -> float:
            given = [value for value in (parameter(first), parameter(second)) if not math.isnan(value)]
            return sum(given) if given else parameter(*otherwise)

        width, length = parameter("w", "width"), parameter(*_LENGTH_NAMES.get(device_type, ("l", "length")))
        scale = self.scale
        if scale == 1.0 and device_type in _DRAWN_TYPES and length >= IMPLAUSIBLE_LENGTH_M:
            scale = 1e-6
            self.micrometre_cards += 1
        copies, fingers = parameter("m", "mult"), parameter("nf", "nfin")
        numbers = (
            width * scale,
            length * scale,
            1.0 if math.isnan(fingers) else max(fingers, 1.0),
            multiplier * (1.0 if math.isnan(copies) else copies),
            total("ad", "as", "area") * scale * scale,
            total("pd", "ps", "pj", "perim", "perimeter") * scale,
            parameter(*_VALUE_NAMES.get(device_type, ())),
        )
        model = self.models.setdefault(card.model, len(self.models))
        self.rows.append(_Row(card.name, device_type, model, len(card.nodes), numbers))
        return len(self.rows) - 1

    def table(self) -> DeviceTable:
        """Everything added so far."""
        columns = np.array([row.numbers for row in self.rows], np.float64).reshape(-1, len(_NUMBER_COLUMNS)).T
        return DeviceTable(
            device_type=np.array([row.device_type for row in self.rows], np.int8),
            model=np.array([row.model for row in self.rows], np.int32),
            model_names=tuple(self.models),
            name=tuple(row.name for row in self.rows),
            pins=np.array([row.pins for row in self.rows], np.int32),
            **dict(zip(_NUMBER_COLUMNS, columns, strict=True)),
        )
