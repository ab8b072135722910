from __future__ import annotations

import string
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuitgcl.netlist import FlatCircuit
from circuitgcl.netlist.device_typing import (
    BodySummary,
    bipolar_type_from_name,
    is_process_device,
    model_card_type,
    mos_type_from_name,
    mos_type_from_usage,
    process_device_type,
    terminal_order,
)
from circuitgcl.schema import DeviceType

NMOS, PMOS = DeviceType.NMOS, DeviceType.PMOS
PINS = {NMOS: 4, PMOS: 4, DeviceType.NPN: 3, DeviceType.PNP: 3, DeviceType.OTHER: 1}  # 2 for all others

# device masters of real process kits, which a netlist instantiates without defining them
KIT_NAMES = {
    "sky130": {
        "NMOS": "nfet_01v8 nfet_01v8_lvt nfet_03v3_nvt nfet_05v0_nvt nfet_20v0_zvt nfet_20v0_nvt_iso"
        " nfet_g5v0d10v5 esd_nfet_01v8 esd_nfet_g5v0d10v5 special_nfet_latch special_nfet_pass"
        " special_nfet_01v8 rf_nfet_01v8_aM02W1p65L0p15 rf_nfet_01v8_lvt_bM04W5p00L0p25"
        " nfet_g5v0d10v5_aM10W3p00L0p50 special_sonosfet_star",
        "PMOS": "pfet_01v8 pfet_01v8_hvt pfet_01v8_lvt pfet_g5v0d16v0 esd_pfet_g5v0d10v5"
        " special_pfet_pass rf_pfet_01v8_mcM04W5p00L0p15 rf_pfet_01v8_mvt_aF02W0p84L0p15"
        " pfet_01v8_hcM04W5p00L0p15",
        "CAPACITOR": "cap_mim_m3_1 cap_mim_m3_2 cap_var_lvt cap_var_hvt cap_vpp_11p5x11p7_l1m1m2m3m4_shieldm5"
        " cap_vpp_44p7x23p1_pol1m1m2m3m4m5_noshield cap_vpp_04p4x04p6_m1m2_noshield_o1phv"
        " cap_vpp_02p7x21p1_m1m2m3m4_shieldl1_fingercap cap_vpp_08p6x07p8_l1m1m2_shieldpo_floatm3",
        "RESISTOR": "res_high_po res_high_po_0p35 res_xhigh_po_1p41 res_xhigh_po res_generic_nd"
        " res_generic_nd__hv res_generic_pd res_generic_po res_generic_m1 res_generic_l1"
        " res_iso_pw",
        "DIODE": "diode_pw2nd_05v5 diode_pd2nw_11v0 diode_pw2nd_05v5_nvt model__parasitic__rf_diode_ps2nw"
        " model__parasitic__diode_pw2dn esd_rf_diode_pw2nd_11v0_100 photodiode",
        "NPN": "npn_05v5 npn_05v5_W1p00L2p00 npn_11v0_W1p00L1p00 rf_npn_05v5_W1p00L1p00",
        "PNP": "pnp_05v5 pnp_05v5_W3p40L3p40 rf_pnp_05v5_W3p40L3p40",
        "INDUCTOR": "ind_05_220 ind_11_04 rf_test_coil1",
    },
    "": {
        "NMOS": "nmos nfet nch NMOS_VTL nmos_vtg nmos_lvt nmos_rvt nmos_slvt nmos_sram NMOS_THKOX"
        " nfet_03v3 nfet_03v3_dss nfet_05v0 nfet_06v0_nvt nfet_10v0_asym nmos_3p3_sab nmos_6p0_dw"
        " nmos_6p0_nat sg13_lv_nmos sg13_hv_nmos sg13_lv_rfnmos rfnmos nmoscl_2 nch_lvt_mac"
        " nch_25ud18_mac nch_hia18_mac nch_na25od33_mac nch_svt_sp_mac nchpd_hvtsr nch_hlqrpsr"
        " nch_dnw nmos_rf nmos_rf33_6t nch3 nch_io_lvt_mac slvtnfet lvtnfet egnfet dgnfet rfnfet"
        " nfet_rf egvslvtnfet_rf enegubfmoatnfet_mmw_6t spvnfetpd esdnsh_stk ldnfet3p3_rf_tc"
        " nfet_auxpc2 nfet_hvt zgxslvtnfet_fgbg slvtnfet_b nmos1v nmos2v_nat g45n1lvt g45n2svt"
        " gpdk090_nmos1v N_18_MM N_12_LLRVTRF N_BPW_12_RF N_LV_18_MM modn modnm mosinsub nshort"
        " nlowvt cmosn",
        "PMOS": "pmos pfet pch PMOS_VTG pmos_slvt pfet_03v3_dss pfet_06v0 pmos_10p0_asym sg13_hv_pmos"
        " rfpmos pch_lvt_mac pch_hvt pchpu_2psr pmos_rf25_nw lvtpfet elvtxpfet_rf"
        " btbldpfet6p5_rf_tc dgpfet pmos2v g45p1svt P_33_G2 P_12_HSL130E modp pshort phighvt",
        "CAPACITOR": "cap capacitor mimcap moscap vncap cap_nmos_03v3_b cap_pmos_06v0"
        " cap_mim_2f0_m4m5_noshield mim_2p0fF nmoscap_3p3_b cap_cmim cap_rfcmim cmim"
        " sg13_hv_svaricap crtmom cfmom_2t cfmom_wo_rf mimcap_woum_2p0_sin_rf mimcap_2p0_sin_3t"
        " moscap_rf18_nw nmoscap_33 lincap_25 xjvar_nw ncap_rf egpcap zgfncapinpw apmom1v8_mmw"
        " mom7v_rf MIMCAPS_RF MOMCAPS_ASMESH_MM MOMCAPS_ARRAY_VP3_RF VARMIS_12_RF VARDIOP_RF"
        " nmoscap1v pmoscap2v3 cpoly mime2r nvar18_ckt varactor",
        "RESISTOR": "res resistor ppolyf_u ppolyf_u_1k_6p0_dw npolyf_s nplus_u pplus_s_dw rm1 tm30k efuse"
        " short rsil rppd rhigh lvsres ptap1 ntap1 rppoly rppolywo_m rnod rnodl_m rnpolyl_dis"
        " rpodwo_m rnwsti rnwod_m rm10 rppolyhri_rf opppcres sblkndres opnpcres_rf nwres RNHR_RF"
        " RNNPO_RF RNPPO_NW_LLRF resnsppoly ressndiff resnwoxide resm11 polyhres nplusres rpolyh",
        "DIODE": "diode sc_diode diode_nd2ps_03v3 np_3p3_dw pn_6p0 nwp_3p3 dnwpw_6p0 dnwps_3p3 dantenna"
        " dpantenna schottky_nbl1 diodevdd_2kv idiodevss_4kv isolbox ndio pdio_18ll ndio_lvt18ud12"
        " nwdio sbd_rf_nw diodenwx diodepwtw tdndsx egtdpdnw_nolvs schky_mmw DIOP_ESD_RF ndio_2v"
        " g45nd1svt zener",
        "NPN": "npn npn13G2 npn13G2l npn13G2v_5t npn_10p00x10p00 vnpn_0p54x16 npn10 npn5_mis npn121"
        " NPN_SV50X50_RF esdlnpn",
        "PNP": "pnp pnpMPA pnp_05p00x00p42 vpnp_5x5 pnp5 pnp1d6 vpnp2 gpdk045_vpnp2 PNP_NVL20_RF esdlpnp",
        "INDUCTOR": "ind inductor2 inductor3 spiral_std spiral_sym_ct_mu_z symindp indp ind_a L_CR20K_RF",
        "JFET": "njfet pjfet mesfet",
        "OTHER": "bondpad PAD_RF esdscr subc cpwg coupledmsl rfline memristor",
    },
}
NAMED_DEVICES = [
    (f"sky130_fd_pr__{name}" if kit else name, DeviceType[kind])
    for kit, by_kind in KIT_NAMES.items()
    for kind, names in by_kind.items()
    for name in names.split()
]
CELL_NAMES = (
    "inv_nmos_switch cap_array res_ladder diode_bias nand2 nand2_x1 pmos_load nmos_mirror inv_x1"
    " reset_sync capture_ff audio_amp index_counter decap fillcap DECAPx10_ASAP7_75t_R npn_mirror pnp_core"
    " bench launch branch inch finfet CM BUFF latch sense_amp precharge cell_1rw capbank_gp_lowC CAP2_RES2"
    " INPUT_RES DELAY_VAR_V2 LG_nmos single_ended_pmos inv_nmos11 nand_2_pmos15 nfet_01v8_w500_l500_nf2"
    " adc_array_wafflecap_8_1 tgate pmos_switch nmos_pair induct_load short_circuit fuse_box mimic polygon"
    " moscell respool capsense res_dac pnand2 pinv sky130_fd_sc_hd__inv_1 sky130_fd_sc_hs__diode_2"
    " gf180mcu_fd_sc_mcu7t5v0__antenna sg13g2_antennanp OTA_4"
)


def test_the_table_is_large() -> None:
    assert len({name for name, _ in NAMED_DEVICES}) >= 200


@pytest.mark.parametrize(("name", "kind"), NAMED_DEVICES)
def test_devices_of_process_kits(name: str, kind: DeviceType) -> None:
    pins = PINS.get(kind, 2) if kind is not DeviceType.JFET else 3
    for spelled in (name, name.upper(), f"$[{name}]"):
        assert process_device_type(spelled, pins) is kind
    assert process_device_type(name, 20) is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("sky130_fd_pr__nfet_01v8_9JQB3S", NMOS),
        ("$[rppolywo_CDNS_46177]", DeviceType.RESISTOR),
        ("CAP_ARRAY1", None),
    ],
)
def test_cells_drawn_by_a_tool_for_a_device(name: str, kind: DeviceType | None) -> None:
    assert process_device_type(name, 4) is kind


@pytest.mark.parametrize("name", CELL_NAMES.split())
def test_cells_are_no_devices(name: str) -> None:
    for pins in range(1, 7):
        assert process_device_type(name, pins) is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *[
            (name, NMOS)
            for name in ("n", "n18", "n33e2r", "nz18e2r", "n12ll", "nlvt", "nhvt", "ne", "nhv", "ptmn65")
        ],
        *[(name, PMOS) for name in ("p", "p33", "p15ll", "psvt", "pe", "phv", "ptmp65")],
        ("nwell", DeviceType.RESISTOR),
        ("pwell", DeviceType.RESISTOR),
    ],
)
def test_short_names_need_sizes_beside_them(name: str, kind: DeviceType) -> None:
    pins = 4 if kind.is_mos else 2
    assert process_device_type(name, pins) is None
    assert process_device_type(name, pins, ("m", "W", "L")) is kind


@pytest.mark.parametrize(
    ("name", "pins", "parameters", "kind"),
    [
        ("xt018x", 4, "w l", "NMOS"),
        ("foundry_p7", 4, "w l nf", "PMOS"),  # an isolated p
        ("zz9_nmosx", 5, "w l m", "NMOS"),
        ("zz9", 4, "nfin l", "NMOS"),
        ("zz9", 4, "w", None),
        ("zz9", 3, "nf l w", "NMOS"),
        ("zz9", 3, "w l", None),
        ("rzz9", 3, "w l", "RESISTOR"),
        ("rzz9", 2, "r", "RESISTOR"),
        ("czz9", 2, "w l", "CAPACITOR"),
        ("mzz9", 2, "lt wt", "CAPACITOR"),
        ("zz9", 2, "area pj", "DIODE"),
        ("zz9", 4, "we le", "NPN"),
        ("zz9", 4, "", None),
        ("zz9", 7, "w l", None),
        ("inv", 4, "w l", None),  # a cell whose definition is missing
        ("mybuffer", 4, "w l nf", None),
        ("nfet_01v8", 3, "", None),
        ("nfet_01v8", 3, "w l", "NMOS"),  # bulk tied inside
        ("nfet_rf_6t", 6, "", "NMOS"),
        ("slvtnfet_rf_tc", 7, "", "NMOS"),
        ("crtmom_mx", 5, "", "CAPACITOR"),
        ("npn13G2_5t", 5, "", "NPN"),
        ("cap_mim_m3_1", 1, "", None),
    ],
)
def test_parameters_and_pins_decide(name: str, pins: int, parameters: str, kind: str | None) -> None:
    told = process_device_type(name, pins, parameters.split())
    assert told is (None if kind is None else DeviceType[kind])


POLARITIES = {
    "NMOS": "nch NMOS_VTG sg13_lv_nmos n n18 n1 nlvt mn0p9 N10L5 nmos_6p0_dw cmosn ptmn65 lvtn nch.12 n_18_mm"
    " ptm_thinox_natfet_n65 IXTH80N20L tsmc18n_n sky130_fd_pr__special_nfet_latch__model nmos_3p3_sab",
    "PMOS": "pch_lvt PMOS_VTL p p1 p_33 P12L5 mp1p0 hvtpfet pmos_6p0_sab cmosp ptmp65 pch.3 pmos_3p3_dw_sab"
    " IXTH48P20P sky130_fd_pr__pfet_01v8_hvt",
    "": "xyz model_use_only VD 1x8",
}


@pytest.mark.parametrize(
    ("model", "kind"), [(model, kind) for kind, models in POLARITIES.items() for model in models.split()]
)
def test_mos_polarity_by_model_name(model: str, kind: str) -> None:
    assert mos_type_from_name(model) is (DeviceType[kind] if kind else None)


@pytest.mark.parametrize(
    ("model", "kind"),
    [("npn13G2v", "NPN"), ("M_NPN", "NPN"), ("pnpMPA_mod", "PNP"), ("vpnp_10x10", "PNP"), ("bfs17", None)],
)
def test_bipolar_polarity_by_model_name(model: str, kind: str | None) -> None:
    assert bipolar_type_from_name(model) is (None if kind is None else DeviceType[kind])


@pytest.mark.parametrize(
    ("nets", "kind"),
    [
        (("0",), "NMOS"),
        (("gnd!", "out"), "NMOS"),
        (("VSS", "VDD", "out"), "NMOS"),  # the bulk goes first
        (("avdd", "out", "net1"), "PMOS"),
        (("VPB",), "PMOS"),
        (("vnb",), "NMOS"),
        (("net1", "vdd!", "out"), "PMOS"),
        (("net1", "out", "dgnd"), "NMOS"),
        (("net1", "vdd", "gnd"), None),
        (("net1", "vout", "vin"), None),
        (("ssel", "wl0"), None),
        ((), None),
    ],
)
def test_mos_polarity_by_usage(nets: tuple[str, ...], kind: str | None) -> None:
    assert mos_type_from_usage(*nets) is (None if kind is None else DeviceType[kind])


@pytest.mark.parametrize(
    ("word", "polarity", "kind"),
    [
        ("nmos", "", "NMOS"),
        ("PMOS", "", "PMOS"),
        ("bsim4", "p", "PMOS"),
        ("bsim3v3", "n", "NMOS"),
        ("psp103va", "-1", "PMOS"),
        ("pspnqs103va", "+1", "NMOS"),
        ("bjt", "pnp", "PNP"),
        ("vbic", "npn", "NPN"),
        ("vdmos", "", "NMOS"),
        ("vdmos", "pchan", "PMOS"),
        ("bsim4", "", None),
        ("mosvar", "-1", "CAPACITOR"),
        ("nhfet", "", "JFET"),
        ("sw", "", "OTHER"),
        ("d_osc", "", None),
    ],
)
def test_model_cards(word: str, polarity: str, kind: str | None) -> None:
    assert model_card_type(word, polarity) is (None if kind is None else DeviceType[kind])


MOSFET = ((NMOS, "nch"),)
RC = ((DeviceType.RESISTOR, ""), (DeviceType.CAPACITOR, ""))


@pytest.mark.parametrize(
    ("name", "pins", "header", "body", "kind"),
    [
        # wrappers
        ("sky130_fd_pr__special_nfet_latch", 4, "", BodySummary(devices=((NMOS, "a__model"),)), "NMOS"),
        (
            "sky130_fd_pr__rf_pfet_01v8_aF02W0p84L0p15",
            4,
            "",
            BodySummary(instances=("sky130_fd_pr__pfet_01v8",) * 2),
            "PMOS",
        ),
        (
            "npn13G2",
            4,
            "nx",
            BodySummary(devices=((DeviceType.NPN, "npn13G2_NX_vbic"), *RC), models=("npn13G2_NX_vbic",)),
            "NPN",
        ),
        (
            "sg13_hv_nmos",
            4,
            "w l ng",
            BodySummary(devices=((DeviceType.OTHER, "sg13g2_hv_nmos_psp"),)),
            "NMOS",
        ),
        ("vpnp_10x10", 3, "", BodySummary(devices=((DeviceType.PNP, "vpnp_10x10"),)), "PNP"),
        ("nch_mac", 4, "w l nf multi", BodySummary(devices=(*MOSFET, *RC)), "NMOS"),
        ("NCH", 4, "w l", BodySummary(devices=((NMOS, "N1"),)), "NMOS"),
        (
            "ppolyf_u",
            3,
            "r_length r_width",
            BodySummary(devices=((DeviceType.RESISTOR, "ppolyf_u"), *RC)),
            "RESISTOR",
        ),
        ("crtmom_rf", 3, "", BodySummary(), "CAPACITOR"),  # LVS tools print primitives as empty subcircuits
        (
            "cap_vpp_08p6x07p8_l1m1m2_noshield",
            4,
            "",
            BodySummary(instances=("cap_vpp_08p6x07p8_l1m1m2_noshield",)),
            "CAPACITOR",
        ),
        ("mydev", 4, "w l", BodySummary(devices=((NMOS, "mydev"), *RC)), "NMOS"),
        ("mydev", 4, "w l", BodySummary(devices=((NMOS, "inner"),), models=("inner",)), "NMOS"),
        # cells
        ("nmos", 4, "", BodySummary(devices=MOSFET), None),  # W and L are fixed in the body
        ("nch", 4, "m", BodySummary(devices=MOSFET), None),
        ("nmos_latch", 4, "w l", BodySummary(devices=((NMOS, "x1"), (NMOS, "x2"))), None),
        ("nfet", 4, "w l", BodySummary(instances=("my_cell",)), None),
        ("pmos_load", 4, "w l", BodySummary(devices=((PMOS, "pch"),)), None),
        ("inv_nmos11", 4, "", BodySummary(devices=((NMOS, "n"),)), None),
        ("inv", 4, "w l", BodySummary(devices=((NMOS, "nch"), (PMOS, "pch"))), None),
        ("dnwps_3p3", 11, "", BodySummary(devices=((DeviceType.DIODE, "dnwps_3p3"),) * 10), None),
        ("npn13G2v", 0, "", BodySummary(devices=((DeviceType.NPN, "npn13G2v"),) * 67), None),
        ("nfet_01v8_w500_l500_nf2", 6, "", BodySummary(instances=("sky130_fd_pr__nfet_01v8",) * 2), None),
        ("sky130_fd_pr__nfet_01v8_9JQB3S", 4, "", BodySummary(instances=("sky130_fd_pr__nfet_01v8",)), None),
        ("P_12_HSL130E_CDNS_714411302881", 4, "", BodySummary(devices=((PMOS, "P_12_HSL130E"),)), None),
        ("CAP1", 2, "", BodySummary(instances=("cfmom_2t",) * 4), None),
        ("mydev", 4, "m", BodySummary(devices=((NMOS, "mydev"),)), None),
        ("irf540", 3, "", BodySummary(devices=((NMOS, "m1"), *RC), models=("m1",)), None),
    ],
)
def test_defined_devices(name: str, pins: int, header: str, body: BodySummary, kind: str | None) -> None:
    told = is_process_device(name, pins, header.split(), body)
    assert told is (None if kind is None else DeviceType[kind])


@pytest.mark.parametrize(
    ("kind", "ports", "order"),
    [
        (PMOS, "BULK DRAIN GATE SOURCE", (1, 2, 3, 0)),
        (NMOS, "d g s b", None),
        (NMOS, "DRAIN GATE SOURCE SUBSTRATE", None),
        (NMOS, "s g d b pw", (2, 1, 0, 3, 4)),
        (NMOS, "a b c d", None),
        (DeviceType.NPN, "b c e", (1, 0, 2)),
        (DeviceType.NPN, "c b e bn t", None),
        (DeviceType.RESISTOR, "b a", None),
    ],
)
def test_order_of_terminals(kind: DeviceType, ports: str, order: tuple[int, ...] | None) -> None:
    assert terminal_order(kind, ports.split()) == order


@given(st.lists(st.sampled_from("dgsbcexyz"), max_size=8), st.sampled_from(DeviceType))
def test_order_of_terminals_is_a_permutation(ports: list[str], kind: DeviceType) -> None:
    order = terminal_order(kind, ports)
    assert order is None or sorted(order) == list(range(len(ports)))


@pytest.mark.parametrize(
    "name", ["opre" * 5000, "n_CDNS_1" * 5000, "nmos_" * 5000, "w1p" * 30, "m1" * 35 + "x"]
)
def test_long_names_are_answered_at_once(name: str) -> None:
    assert process_device_type(name, 2) is None


NAMES = st.one_of(
    st.text(max_size=30),
    st.lists(
        st.sampled_from(
            ["nfet", "pmos", "cap", "res", "01v8", "lvt", "sky130_fd_pr", "_", "x", "9", ".", "$["]
        ),
        max_size=8,
    ).map("_".join),
    st.text(string.ascii_letters + string.digits + "_", max_size=12),
)


@given(
    NAMES, st.integers(-1, 12), st.lists(st.sampled_from(["w", "l", "nf", "M", "area", "r", ""]), max_size=4)
)
def test_any_name_is_answered_alike_in_any_case(name: str, pins: int, parameters: list[str]) -> None:
    told = process_device_type(name, pins, parameters)
    assert told is None or isinstance(told, DeviceType)
    if name.isascii() and "_CDNS_" not in name:
        assert mos_type_from_name(name.lower()) is mos_type_from_name(name)
    assert bipolar_type_from_name(name) in (None, DeviceType.NPN, DeviceType.PNP)
    body = BodySummary(devices=((NMOS, name),), instances=(name,), models=(name,))
    assert is_process_device(name, pins, parameters, body) is None or pins > 0


@pytest.mark.parametrize(
    ("cell", "kind"), [("kit__pfet_01v8", "PMOS"), ("kit__nfet_01v8", "NMOS"), ("other", "NMOS")]
)
def test_a_cell_may_tell_the_polarity_of_its_devices(
    cell: str, kind: str, flatten_deck: Callable[..., FlatCircuit]
) -> None:
    circuit = flatten_deck(
        f"* t\n.subckt {cell} bulk drain gate source\nM1 drain gate source bulk only w=5 l=1\n.ends\n"
    )
    assert circuit.table.device_type.tolist() == [DeviceType[kind]]
    assert any("polarity" in warning for warning in circuit.warnings) == (cell == "other")
