from __future__ import annotations

import pytest

from circuitgcl.schema import DeviceType, PinRole, pin_roles


@pytest.mark.parametrize(
    ("device_type", "pins", "roles"),
    [
        (DeviceType.NMOS, 4, ["SOURCE_DRAIN", "GATE", "SOURCE_DRAIN", "BULK"]),
        (DeviceType.PMOS, 5, ["SOURCE_DRAIN", "GATE", "SOURCE_DRAIN", "BULK", "OTHER"]),
        (DeviceType.JFET, 3, ["SOURCE_DRAIN", "GATE", "SOURCE_DRAIN"]),
        (DeviceType.NPN, 3, ["COLLECTOR", "BASE", "EMITTER"]),
        (DeviceType.PNP, 4, ["COLLECTOR", "BASE", "EMITTER", "BULK"]),
        (DeviceType.DIODE, 2, ["ANODE", "CATHODE"]),
        (DeviceType.RESISTOR, 3, ["PLUS", "MINUS", "BULK"]),
        (DeviceType.CAPACITOR, 2, ["PLUS", "MINUS"]),
        (DeviceType.INDUCTOR, 2, ["PLUS", "MINUS"]),
        (DeviceType.SOURCE, 2, ["OTHER", "OTHER"]),
        (DeviceType.OTHER, 0, []),
    ],
)
def test_pin_roles_in_spice_order(device_type: DeviceType, pins: int, roles: list[str]) -> None:
    assert pin_roles(device_type, pins) == tuple(PinRole[role] for role in roles)


def test_families_of_device_types() -> None:
    assert {kind for kind in DeviceType if kind.is_mos} == {DeviceType.NMOS, DeviceType.PMOS}
    assert {kind for kind in DeviceType if kind.is_bipolar} == {DeviceType.NPN, DeviceType.PNP}
