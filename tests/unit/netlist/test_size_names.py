from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuitgcl.netlist.size_names import (
    ALL_SIZE_NAMES,
    DrawnSizes,
    drawn_sizes,
    fin_pitch_m,
    sizes_in_name,
)
from circuitgcl.schema import DeviceType

NMOS = DeviceType.NMOS


def sizes(kind: DeviceType, scale: float = 1.0, model: str = "", **given: float) -> DrawnSizes:
    return drawn_sizes(kind, given, scale=scale, model=model)[0]


@pytest.mark.parametrize(
    ("given", "width", "fingers"),
    [
        ({"w": 4e-6, "l": 6e-8, "nf": 4}, 4e-6, 4),  # BSIM4: nf divides w
        ({"w": 4e-6, "l": 3e-7, "ng": 2}, 4e-6, 2),  # IHP
        ({"wr": 2e-6, "lr": 6e-8, "nr": 16}, 32e-6, 16),  # TSMC RF: wr is one finger
        ({"fw": 1e-6, "fingers": 3, "l": 6e-8}, 3e-6, 3),
        ({"w": 3e-6, "fw": 1e-6, "fingers": 3, "l": 6e-8}, 3e-6, 3),
        ({"w": 81e-9, "l": 20e-9, "nfin": 3}, 81e-9, 1),  # ASAP7
        ({"nfin": 12, "nf": 8, "l": 14e-9}, 12 * 8 * 48e-9, 8),  # BSIM-CMG: fins per finger
        ({"w": 1e-6, "l": 6e-8, "nf": 0}, 1e-6, 1),
        ({"l": 6e-8}, math.nan, 1),
    ],
)
def test_width_is_that_of_all_fingers(given: dict[str, float], width: float, fingers: float) -> None:
    told = sizes(NMOS, **given)
    assert told.width_m == pytest.approx(width, nan_ok=True)
    assert told.fingers == fingers


@pytest.mark.parametrize(("model", "pitch"), [("nmos_rvt", 27e-9), ("asap7_nmos", 27e-9), ("nfet", 48e-9)])
def test_fins_are_as_far_apart_as_the_kit_draws_them(model: str, pitch: float) -> None:
    assert fin_pitch_m(model) == pitch
    assert sizes(NMOS, model=model, nfin=3.0, l=2e-8).width_m == pytest.approx(3 * pitch)


@pytest.mark.parametrize(
    ("given", "copies"),
    [
        ({}, 1),
        ({"m": 3}, 3),
        ({"m": 2, "mult": 2}, 2),  # xschem prints the same number twice
        ({"m": 51, "par": 51}, 51),  # so does the CDL of GF180MCU
        ({"mf": 4}, 4),
        ({"multi": 2, "m": 3}, 6),  # a parameter inside TSMC's subcircuits
    ],
)
def test_copies(given: dict[str, float], copies: float) -> None:
    assert sizes(NMOS, **given).multiplier == copies


def test_areas_and_perimeters_of_both_junctions_are_added() -> None:
    told = drawn_sizes(NMOS, {"w": 1e-6, "l": 6e-8, "ad": 2e-13, "as": 3e-13, "pd": 1e-6, "ps": 2e-6})[0]
    assert told.area_m2 == pytest.approx(5e-13)
    assert told.perimeter_m == pytest.approx(3e-6)


@pytest.mark.parametrize(
    ("kind", "given", "value", "length"),
    [
        (DeviceType.RESISTOR, {"r": 1e3, "l": 5e-6}, 1e3, 5e-6),
        (DeviceType.RESISTOR, {"lr": 1e-5, "wr": 4e-7}, math.nan, 1e-5),
        (DeviceType.CAPACITOR, {"c": 1e-15}, 1e-15, math.nan),
        (DeviceType.CAPACITOR, {"lt": 9e-6, "wt": 9e-6}, math.nan, 9e-6),
        (DeviceType.CAPACITOR, {"c_length": 5e-6, "c_width": 4e-6}, math.nan, 5e-6),
        (DeviceType.INDUCTOR, {"l": 1e-9}, 1e-9, math.nan),
        (DeviceType.SOURCE, {"w": 1.0, "l": 1.0}, math.nan, math.nan),
    ],
)
def test_values_and_lengths(kind: DeviceType, given: dict[str, float], value: float, length: float) -> None:
    told = sizes(kind, **given)
    assert told.value == pytest.approx(value, nan_ok=True)
    assert told.length_m == pytest.approx(length, nan_ok=True)


def test_widths_of_passives_are_drawn_widths() -> None:
    assert sizes(DeviceType.RESISTOR, wr=4e-7, lr=1e-5, nr=2.0).width_m == 4e-7
    assert sizes(DeviceType.CAPACITOR, wr=1e-6, lr=1e-6, br=4.0).fingers == 4


@pytest.mark.parametrize(
    ("kind", "given", "scale", "length", "perimeter", "area", "guessed"),
    [
        (NMOS, {"w": 0.84, "l": 0.15, "ad": 0.24, "pd": 2.26}, 1.0, 0.15e-6, 2.26e-6, 0.24e-12, True),
        (NMOS, {"w": 0.84, "l": 0.15, "ad": 0.24, "pd": 2.26}, 1e-6, 0.15e-6, 2.26e-6, 0.24e-12, False),
        (NMOS, {"w": 1e-6, "l": 0.15e-6}, 1.0, 0.15e-6, math.nan, math.nan, False),
        (
            DeviceType.DIODE,
            {"pj": 2.64e6, "area": 4.347e11},
            1.0,
            math.nan,
            2.64e-6,
            0.4347e-12,
            True,
        ),  # Magic
        (DeviceType.DIODE, {"pj": 400e-6, "area": 10e-9}, 1.0, math.nan, 400e-6, 10e-9, False),
        (DeviceType.DIODE, {"area": 8}, 1.0, math.nan, math.nan, math.nan, False),  # a relative factor
        (DeviceType.NPN, {"area": 2e-12}, 1.0, math.nan, math.nan, 2e-12, False),
    ],
)
def test_units(
    kind: DeviceType,
    given: dict[str, float],
    scale: float,
    length: float,
    perimeter: float,
    area: float,
    guessed: bool,
) -> None:
    told, was_guessed = drawn_sizes(kind, given, scale=scale)
    assert was_guessed is guessed
    assert (told.length_m, told.perimeter_m, told.area_m2) == pytest.approx(
        (length, perimeter, area), nan_ok=True
    )


def test_emitters() -> None:
    told = sizes(DeviceType.NPN, nx=4.0, we=0.07e-6, le=0.9e-6)
    assert (told.width_m, told.length_m, told.fingers) == pytest.approx((0.28e-6, 0.9e-6, 4))


@pytest.mark.parametrize(
    ("name", "width", "length", "fingers"),
    [
        ("sky130_fd_pr__rf_nfet_01v8_aM02W1p65L0p15", 3.3e-6, 0.15e-6, 2),
        ("sky130_fd_pr__rf_pfet_01v8_mvt_aF04W1p68L0p15", 6.72e-6, 0.15e-6, 4),
        ("sky130_fd_pr__pnp_05v5_W3p40L3p40", 3.4e-6, 3.4e-6, None),
        ("sky130_fd_pr__res_high_po_0p35", 0.35e-6, None, None),
        ("sky130_fd_pr__cap_vpp_11p5x11p7_l1m1m2_noshield", 11.5e-6, 11.7e-6, None),
        ("npn_10p00x10p00", 10e-6, 10e-6, None),
        ("vpnp_0p42x10", 0.42e-6, 10e-6, None),
        ("nfet_01v8", None, None, None),
    ],
)
def test_sizes_in_names(name: str, width: float | None, length: float | None, fingers: float | None) -> None:
    expected = {"width_m": width, "length_m": length, "fingers": fingers}
    assert sizes_in_name(name) == pytest.approx({key: v for key, v in expected.items() if v is not None})


def test_the_card_goes_before_the_name() -> None:
    told = sizes(DeviceType.RESISTOR, model="sky130_fd_pr__res_high_po_0p35", w=0.35, l=7.0)
    assert (told.width_m, told.length_m) == pytest.approx((0.35e-6, 7e-6))
    assert sizes(DeviceType.PNP, model="vpnp_10x10").width_m == pytest.approx(10e-6)


@given(
    st.sampled_from(DeviceType),
    st.dictionaries(
        st.sampled_from(sorted(set().union(*ALL_SIZE_NAMES.values()))),
        st.floats(0, 1e30, allow_subnormal=False),
        max_size=8,
    ),
    st.sampled_from([1.0, 1e-6, 1e-9]),
)
def test_no_size_is_implausible(kind: DeviceType, given: dict[str, float], scale: float) -> None:
    told, _ = drawn_sizes(kind, given, scale=scale)
    assert told.fingers >= 1
    assert math.isnan(told.area_m2) or told.area_m2 < 1e-6
    assert all(math.isnan(number) or number >= 0 for number in told)
