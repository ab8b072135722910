"""One real netlist of every dialect, its devices counted by hand; skipped where the collection is absent."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from circuit_views import mos, sizes, topology, values

from circuitgcl.errors import NetlistError
from circuitgcl.netlist import FlatCircuit, Netlist, flatten, read_netlist

CORPUS = Path(__file__).resolve().parents[4] / "shared" / "corpus"
pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason="the collection of real netlists is not here")

CALIBRE = "calibre_pex/VLSIDA+OpenRAM/technology/freepdk45/sp_lib"
GF180 = "gf180_pdk/google+globalfoundries-pdk-libs-gf180mcu_fd_pr/models/xyce/testing"
GF180_LVS = "cdl/google+globalfoundries-pdk-libs-gf180mcu_fd_pr/rules/klayout/lvs/testing/testcases"
IHP_LVS = "cdl/IHP-GmbH+IHP-Open-PDK/ihp-sg13g2/libs.tech/klayout/tech/lvs/testing/testcases"
MAGIC = "magic_ext2spice/VLSIDA+OpenRAM/technology/scn4m_subm/sp_lib"
OTA = "align/ALIGN-analoglayout+ALIGN-public/CircuitsDatabase/Sized_Netlists/Low_frequency_analog"
RHBD = "stineje+sky130RHBDlib"
SAR = "w32agobot+SKY130_SAR-ADC"
SKY130 = "sky130_pdk/google+skywater-pdk-libs-sky130_fd_pr/cells"


def read(path: str, on_error: str = "raise") -> tuple[Netlist, FlatCircuit]:
    netlist = read_netlist(CORPUS / path, on_error=on_error)
    return netlist, flatten(netlist)


@pytest.mark.parametrize(
    ("path", "dialect", "top", "counts"),
    [
        (
            f"{OTA}/Five_transistor_OTA/five_transistor_OTA.sp",
            "spice",
            "five_transistor_OTA",
            {"NMOS": 4, "PMOS": 2},
        ),
        (
            f"{OTA}/Five_transistor_OTA_stacked_single_ended/2019_10_01_5t_OTA.sp",
            "hspice",
            "2019_10_01_5t_OTA",
            {"NMOS": 8, "PMOS": 4, "SOURCE": 4, "CAPACITOR": 1},
        ),
        (f"{CALIBRE}/dff.sp", "spice", "dff", {"NMOS": 11, "PMOS": 11}),
        (f"{MAGIC}/sense_amp.sp", "spice", "sense_amp", {"NMOS": 5, "PMOS": 6}),
        (
            f"{IHP_LVS}/sg13g2_cells/sg13g2_a22oi_1/netlist/sg13g2_a22oi_1.cdl",
            "cdl",
            "sg13g2_a22oi_1",
            {"NMOS": 4, "PMOS": 4},
        ),
        (f"{GF180_LVS}/pplus_u.cdl", "cdl", "pplus_u", {"RESISTOR": 55}),
        (
            "magical/magical-eda+MAGICAL/examples/ota2/ota2.sp",
            "spectre",
            "OTA_2",
            {"NMOS": 20, "PMOS": 15, "CAPACITOR": 8, "RESISTOR": 6},
        ),
        (
            "spectre/magical-eda+MAGICAL/examples/ota1/ota1.sp",
            "spectre",
            "Core_test_flow",
            {"NMOS": 9, "PMOS": 14, "CAPACITOR": 2},
        ),
        (
            f"spectre/{RHBD}/outputs_pex/sky130_rhbd/pex/VOTER3X1.spi",
            "spectre",
            "VOTER3X1",
            {"NMOS": 7, "PMOS": 14},
        ),
        (
            "ngspice/imr+ngspice/tests/transmission/ltra1_1_line.cir",
            "spice",
            "ltra1_1_line",
            {"NMOS": 1, "PMOS": 1, "CAPACITOR": 2, "OTHER": 1, "SOURCE": 2},
        ),
        (
            "openram/VLSIDA+OpenRAM/technology/scn3me_subm/sp_lib/incorrect/cell_1rw_1r.sp",
            "spice",
            "cell_1rw_1r",
            {"NMOS": 8, "PMOS": 2},
        ),
        (
            f"{SKY130}/rf_pfet_01v8/sky130_fd_pr__rf_pfet_01v8_aF02W0p84L0p15.spice",
            "spice",
            "sky130_fd_pr__rf_pfet_01v8_aF02W0p84L0p15",
            {"PMOS": 2},
        ),
        (
            f"xschem_ngspice/{RHBD}/lib/xschem/test_INVX1.spice",
            "xschem",
            "test_INVX1",
            {"NMOS": 1, "PMOS": 1, "SOURCE": 2},
        ),
    ],
)
def test_devices_by_type(path: str, dialect: str, top: str, counts: dict[str, int]) -> None:
    netlist, circuit = read(path)
    assert (netlist.dialect, circuit.name) == (dialect, top)
    assert Counter(device.split()[0] for device in topology(circuit).values()) == counts


def test_xyce_without_its_models() -> None:
    """Its includes lead nowhere and its template fields are empty: still two sources and an inverter."""
    path = (
        f"{GF180}/sc_regression/gf180mcu_fd_sc_mcu7t5v0/device_netlists/gf180mcu_fd_sc_mcu7t5v0__inv_1.spice"
    )
    netlist, circuit = read(path, "skip")
    assert netlist.dialect == "xyce"
    assert topology(circuit) == {
        "Vin": "SOURCE I 0",
        "Vdd": "SOURCE VDD 0",
        "X1/xM_i_0": "NMOS (nmos_6p0) ZN I 0 0",
        "X1/xM_i_1": "PMOS (pmos_6p0) ZN I VDD VDD",
    }
    assert sizes(circuit)["X1/xM_i_1"] == mos(1.22e-6, 0.5e-6)


def test_cdl_resistors_keep_their_substrate() -> None:
    _, circuit = read(f"{GF180_LVS}/pplus_u.cdl")
    assert topology(circuit)["RI1_2_2_2_1_0_R0"] == (
        "RESISTOR (pplus_u) I1_2_2_2_1_0_R0_PLUS I1_2_2_2_1_0_R0_MINUS gnd!"
    )
    assert values(circuit)["RI1_2_2_2_1_0_R0"] == 187.206


def test_xschem_sizes_in_micrometres() -> None:
    _, circuit = read(f"xschem_ngspice/{RHBD}/lib/xschem/test_INVX1.spice")
    assert topology(circuit)["x1/XM1"] == "NMOS (sky130_fd_pr__nfet_01v8) Y A GND GND"
    assert sizes(circuit)["x1/XM1"] == mos(3e-6, 0.15e-6, area_m2=1.74e-12, perimeter_m=13.16e-6)
    assert sizes(circuit)["x1/XM2"]["multiplier"] == 2


def test_magic_scales_twice() -> None:
    _, circuit = read(f"magic_ext2spice/{SAR}/archive/mag/adc_array_cap/adc_array_circuit_drv.spice")
    assert circuit.device_count == 8
    assert sizes(circuit)["X0"] == mos(0.42e-6, 0.15e-6, area_m2=0.6594e-12, perimeter_m=7.34e-6)


def test_magical_leaves_its_sizes_open() -> None:
    path = "magical/magical-eda+MAGICAL-CIRCUITS/benchmark_circuits/Vcm_Buffer/VCM5.sp"
    _, circuit = read(path)
    assert np.isnan(circuit.table.width_m[circuit.device_card]).all()
    first = [card.kind for card in circuit.skipped_cards if card.location.line == 2]
    assert first == [f"no value: unknown parameter '{name}'" for name in ("w0", "l0")]
    assert any("unknown parameter 'w0' and " in warning for warning in circuit.warnings)
    assert Counter(device.split()[0] for device in topology(circuit).values()) == {"NMOS": 7, "PMOS": 9}


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("spef/OpenTimer+Parser-SPEF/benchmark/c17_slack.spef", "SPEF"),
        (
            f"magic_ext/{SAR}/archive/mag/adc_array_topologies/adc_array_fingercap_8_topB/extract.ext",
            "a Magic",
        ),
    ],
)
def test_extraction_results_are_refused(path: str, reason: str) -> None:
    with pytest.raises(
        NetlistError, match=rf"{Path(path).name}:1: the file is {reason}.*, an extraction result"
    ):
        read(path)
