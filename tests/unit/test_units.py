from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuitgcl.units import (
    SCALE_BY_SUFFIX,
    format_capacitance,
    format_engineering,
    parse_farad,
    parse_number,
    plain_number,
)

FACTOR_BY_PREFIX = {
    "a": 1e-18,
    "f": 1e-15,
    "p": 1e-12,
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    "": 1.0,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1mil", 25.4e-6),
        ("1MIL", 25.4e-6),
        ("1Meg", 1e6),
        ("1MEG", 1e6),
        ("1MEGohm", 1e6),
        ("1m", 1e-3),
        ("1M", 1e-3),
        ("1x", 1e6),
        ("10fF", 1e-14),
        ("44.84fF", 44.84e-15),
        ("0.0046PF", 4.6e-15),
        ("1.2e-15", 1.2e-15),
        ("1.2E3F", 1.2e-12),
        ("1e", 1.0),
        ("1d-3", 1e-3),
        ("3a", 3e-18),
        ("2.3e+07u", 23.0),
        ("5Volts", 5.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("-2k", -2000.0),
        ("+2T", 2e12),
        ("1g", 1e9),
        ("90n", 90e-9),
        ("0.13\u00b5", 0.13e-6),
        ("0.13\u03bcm", 0.13e-6),
        ("2\u039c", 2e-6),  # a micro sign in capitals
        ("3mEg", 3e6),
        ("2mIl", 50.8e-6),
        ("1e-6m", 1e-9),
        ("47\u03a9", 47.0),
    ],
)
def test_hand_values(text: str, value: float) -> None:
    assert parse_number(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "u",
        "1 u",
        "--1",
        "1.2.3",
        "1u2",
        "2n2222",
        "1n4148",
        "4k7",
        "0x10",
        "nan",
        "inf",
        "\u0661",
        "1e" + "9" * 5000,
    ],
)
def test_what_is_no_number(text: str) -> None:
    assert plain_number(text) is None
    with pytest.raises(ValueError, match="not a SPICE number"):
        parse_number(text)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_plain_floats_are_read_exactly(value: float) -> None:
    assert parse_number(repr(value)) == value


@given(st.integers(1, 9999), st.sampled_from(sorted(SCALE_BY_SUFFIX)), st.sampled_from(["", "F", "Hz"]))
def test_a_suffix_multiplies_in_any_case(mantissa: int, suffix: str, unit: str) -> None:
    expected = mantissa * SCALE_BY_SUFFIX[suffix]
    assert parse_number(f"{mantissa}{suffix}{unit}") == pytest.approx(expected, rel=1e-15)
    assert parse_number(f"{mantissa}{suffix.upper()}{unit}") == pytest.approx(expected, rel=1e-15)


@given(st.floats(1e-18, 9.99e11), st.sampled_from([1, -1]), st.integers(3, 9))
def test_engineering_text_reads_back_within_its_digits(size: float, sign: int, digits: int) -> None:
    text = format_engineering(sign * size, "F", digits)
    mantissa, unit = text.split(" ")
    value = float(mantissa) * FACTOR_BY_PREFIX[unit.removesuffix("F")]
    assert value == pytest.approx(sign * size, rel=10.0 ** (1 - digits))
    assert 1 <= abs(float(mantissa)) < 1000


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.2345e-15, "1.23 fF"),
        (999.9e-15, "1 pF"),
        (-999.9e-15, "-1 pF"),
        (1.0, "1 F"),
        (0.0, "0 F"),
        (-2.5e-6, "-2.5 uF"),
        (3e6, "3 MF"),
        (math.inf, "inf F"),
        (2e-20, "0.02 aF"),
    ],
)
def test_engineering_hand_values(value: float, text: str) -> None:
    assert format_engineering(value, "F") == text


def test_a_number_without_unit_has_no_trailing_blank() -> None:
    assert format_engineering(1234.0) == "1.23 k"
    assert format_engineering(12.0) == "12"


def test_capacitance_is_written_in_femtofarad() -> None:
    assert format_capacitance(1.23456e-13) == "123 fF"
    assert format_capacitance(4.2e-18) == "0.0042 fF"


def test_farad_has_no_other_unit() -> None:
    assert [parse_farad(text) for text in ("0.0046PF", "1.2f", "3e-17", "2F", "-1fF")] == [
        *(4.6e-15, 1.2e-15, 3e-17, 2e-15, -1e-15)
    ]
    for text in ("3zz", "2.5zF", "1 f", "f", "1pH", ""):
        with pytest.raises(ValueError, match="no number with a unit of capacitance"):
            parse_farad(text)
