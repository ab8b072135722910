from __future__ import annotations

import pytest

from circuitgcl.netlist.device_typing import mos_type_from_name, primitive_type_from_name
from circuitgcl.schema import DeviceType


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("nch", "NMOS"),
        ("pch_lvt", "PMOS"),
        ("NMOS_VTG", "NMOS"),
        ("PMOS_VTL", "PMOS"),
        ("sky130_fd_pr__nfet_01v8", "NMOS"),
        ("sky130_fd_pr__pfet_01v8_hvt", "PMOS"),
        ("sg13_lv_nmos", "NMOS"),
        ("n", "NMOS"),
        ("p", "PMOS"),
        ("n18", "NMOS"),
        ("p_33", "PMOS"),
        ("hvtpfet", "PMOS"),
        ("nlvt", "NMOS"),
        ("xyz", None),
    ],
)
def test_mos_polarity_by_model_name(model: str, kind: str | None) -> None:
    assert mos_type_from_name(model) is (None if kind is None else DeviceType[kind])


@pytest.mark.parametrize(
    ("model", "pins", "kind"),
    [
        ("sky130_fd_pr__nfet_01v8", 4, "NMOS"),
        ("sky130_fd_pr__pfet_01v8_hvt", 4, "PMOS"),
        ("sky130_fd_pr__res_high_po_0p35", 3, "RESISTOR"),
        ("sky130_fd_pr__cap_mim_m3_1", 2, "CAPACITOR"),
        ("sky130_fd_pr__cap_vpp_11p5x11p7_m1m2_noshield", 3, "CAPACITOR"),
        ("sky130_fd_pr__npn_05v5", 4, "NPN"),
        ("sky130_fd_pr__pnp_05v5_W3p40L3p40", 3, "PNP"),
        ("sky130_fd_pr__diode_pw2nd_05v5", 2, "DIODE"),
        ("sg13_lv_nmos", 4, "NMOS"),
        ("nmos_3p3", 4, "NMOS"),
        ("pfet_03v3", 4, "PMOS"),
        ("ppolyf_u", 3, "RESISTOR"),
        ("rppolywo_m", 3, "RESISTOR"),
        ("cap_cmim", 2, "CAPACITOR"),
        ("cfmom_2t", 2, "CAPACITOR"),
        ("moscap", 2, "CAPACITOR"),
        ("short", 2, "RESISTOR"),
        ("sky130_fd_pr__nfet_01v8", 3, None),
        ("cap_mim", 1, None),
        ("inv_x1", 4, None),
        ("sky130_fd_sc_hd__inv_1", 6, None),
        ("reset_sync", 4, None),
        ("capture_ff", 4, None),
        ("audio_amp", 4, None),
        ("index_counter", 4, None),
    ],
)
def test_process_kit_devices_by_name(model: str, pins: int, kind: str | None) -> None:
    assert primitive_type_from_name(model, pins) is (None if kind is None else DeviceType[kind])
