"""Comparison of two files, against values worked out by hand."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from circuitgcl.errors import CircuitGCLError, ConfigError, DataError, ParasiticsError
from circuitgcl.evaluation import compare
from circuitgcl.evaluation.comparing import refit_scale
from circuitgcl.parasitics import read_name_map, read_parasitics, write_dspf, write_spef

Write = Callable[[str, str], Path]
DATA = Path(__file__).resolve().parents[3].parent / "shared" / "data"
MACRO = DATA / "openram" / "fpdk45_2x16.pex.sp.gz"

SPEF = """*SPEF "IEEE 1481-1998"
*DESIGN "d"
*DIVIDER /
*DELIMITER :
*C_UNIT 1 FF
*NAME_MAP
*1 a
*2 XB/n
*D_NET *1 {total_a}
*CAP
1 *1 {ground_a}
2 *1 *2 {pair}
*END
*D_NET *2 {total_b}
*CAP
1 *2 {ground_b}
2 *2 *1 {pair}
*END
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def writer(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return writer


def spice(*cards: str) -> str:
    return "\n".join(["* d", ".subckt d", *(f"c{i} {card}f" for i, card in enumerate(cards)), ".ends", ""])


def estimate(nets: list[tuple[str, float, float]], couplings: list[tuple[str, str, float, float]]) -> str:
    return json.dumps(
        {
            "nets": [
                {"net": net, "cap_ground_farad": g * 1e-15, "cap_coupling_farad": c * 1e-15}
                for net, g, c in nets
            ],
            "couplings": [
                {"net_a": a, "net_b": b, "cap_farad": farad * 1e-15, "probability": p}
                for a, b, farad, p in couplings
            ],
        }
    )


def test_figures_by_hand(write: Write):
    a = write("a.sp", spice("a 0 1", "b 0 2", "a b 4", "a c 0.5", "c 0 1"))
    b = write("b.sp", spice("a 0 1.9", "b 0 2", "a b 2", "c 0 1", "b c 8"))
    found = compare(a, b)
    assert found.nets.set_index("net")["ground_b"].to_dict() == pytest.approx(
        {"a": 1.9e-15, "b": 2e-15, "c": 1e-15}
    )
    assert found.nets.set_index("net")["total_a"].to_dict() == pytest.approx(
        {"a": 5.5e-15, "b": 6e-15, "c": 1.5e-15}
    )
    scores = found.scores()
    ground = scores["net_ground"]
    assert ground["n"] == 3
    assert ground["bias_decades"] == pytest.approx(math.log10(1.9) / 3, abs=1e-4)
    assert ground["within_x1_5"] == pytest.approx(2 / 3, abs=1e-4)
    assert ground["within_x2"] == 1.0
    deviation = math.log10(1.9) / math.sqrt(3)  # of 0, 0 and log 1.9, with n - 1
    assert ground["bias_error_decades"] == pytest.approx(1.96 * deviation / math.sqrt(3), abs=1e-4)
    assert (ground["scale"], ground["scale_low"]) == (1.0, None)
    pairs = scores["pair_coupling"]
    assert (pairs["n"], pairs["mae_decades"], pairs["scale"]) == (
        1,
        pytest.approx(math.log10(2), abs=1e-4),
        2.0,
    )
    content = found.to_dict()
    assert (content["only_a"]["pairs"], content["only_b"]["pairs"]) == (1, 1)
    assert content["only_a"]["pair_farad"] == pytest.approx(0.5e-15)
    assert content["only_b"]["pair_farad"] == pytest.approx(8e-15)
    assert content["worst_couplings"][0]["net_b"] == "c"
    assert content["worst_nets"][0]["net"] == "c"  # 1.5 fF and 9 fF
    json.dumps(content, allow_nan=False)


def test_rails_and_ground_are_load(write: Write):
    a = write("a.sp", spice("a 0 1", "a vdd 2", "vdd 0 99", "b 0 1", "a sub_x 4"))
    b = write("b.sp", spice("a 0 7", "b 0 1"))
    found = compare(a, b, ground=("sub_x",))
    assert found.scores()["net_ground"]["mae_decades"] == 0.0
    assert list(found.nets["net"]) == ["a", "b"]
    assert (
        compare(a, b, rails=("!vdd", "!SUB*")).report.extra == compare(a, b, rails=("nothing",)).report.extra
    )
    signals = compare(a, b, rails=("nothing",))
    assert [item.name for item in signals.report.extra] == ["vdd", "sub_x"]
    assert signals.only_a_farad == pytest.approx((99 + 2 + 4) * 1e-15)


def test_spef_spice_and_estimate_agree_through_their_spellings(write: Write):
    spef = write("a.spef", SPEF.format(total_a=5, ground_a=1, pair=4, total_b=6, ground_b=2))
    card = write("b.sp", spice("A 0 1", "b.n 0 2", "A b.n 4"))
    table = write("c.json", estimate([("a", 1, 4), ("b/n", 2, 4)], [("a", "b/n", 8, 0.5)]))
    for one in (spef, card, table):
        for other in (spef, card, table):
            found = compare(one, other)
            assert len(found.nets) == 2
            assert all(block["mae_decades"] == 0.0 for block in found.scores().values()), (one, other)
            assert found.scores()["pair_coupling"]["n"] == 1


@pytest.mark.parametrize("name", ["x.csv", "x.nets.csv", "x.couplings.csv"])
def test_tables_of_an_estimate(name: str, write: Write, tmp_path: Path):
    write("x.nets.csv", "net,cap_ground_farad,cap_coupling_farad\na,1e-15,4e-15\nb,2e-15,4e-15\n")
    write("x.couplings.csv", "net_a,net_b,cap_farad\na,b,4e-15\n")
    found = compare(write("a.sp", spice("a 0 1", "b 0 2", "a b 4")), tmp_path / name)
    assert all(block["mae_decades"] == 0.0 for block in found.scores().values())


def test_expected_values_go_before_probabilities(write: Write):
    """The probability of an estimate is that of coupling above its threshold, not that of coupling at all."""
    rows = json.loads(estimate([("a", 1, 4), ("b", 2, 4)], [("a", "b", 8, 0.25)]))
    rows["couplings"][0]["cap_expected_farad"] = 4e-15
    found = compare(write("a.sp", spice("a 0 1", "b 0 2", "a b 4")), write("x.json", json.dumps(rows)))
    assert found.couplings["cap_b"].tolist() == [4e-15]
    assert found.scores()["pair_coupling"]["bias_decades"] == 0.0


def test_rounding_and_what_is_too_small_to_count_are_no_offenders(write: Write):
    a = write("a.sp", spice("a 0 1", "b 0 2", "c 0 3", "a b 0.123457", "b c 0.005", "a c 1"))
    b = write("b.sp", spice("a 0 1.000001", "b 0 2", "c 0 3.1", "a b 0.1234567", "a c 1"))
    found = compare(a, b)
    assert found.worst_nets()["net"].tolist() == ["c", "b"]  # b misses the small coupling
    assert not len(found.worst_couplings())
    assert compare(a, b, min_cap_farad=1e-18).worst_couplings()["cap_a"].tolist() == [5e-18]


def test_nets_and_pairs_of_nets_that_a_map_joins_have_one_name(write: Write):
    a = write("a.sp", spice("n1 0 1", "n2 0 1", "b 0 1", "n1 b 2", "n2 b 3", "n1 n2 7"))
    b = write("b.sp", spice("q 0 2", "b 0 1", "q b 5"))
    found = compare(a, b, name_map=read_name_map(write("names.map", "n1 q\nn2 q\n")))
    assert found.couplings[["net_a", "net_b", "cap_a", "cap_b"]].values.tolist() == [
        ["n1", "b", 5e-15, 5e-15]
    ]
    assert found.nets["coupling_a"].tolist() == pytest.approx([5e-15, 5e-15])
    assert found.nets["net"].tolist() == ["n1", "b"]


def test_names_that_only_a_map_joins(write: Write):
    a, b = write("a.sp", spice("n1 0 1", "b 0 1", "n1 b 2")), write("b.sp", spice("q 0 1", "b 0 1", "q b 2"))
    assert len(compare(a, b).nets) == 1
    names = read_name_map(write("names.map", "n1 q\n"))
    found = compare(a, b, name_map=names)
    assert found.scores()["pair_coupling"]["n"] == 1
    assert dict(found.report.matched_by) == {"by map": 1, "as written": 1}


def test_threshold(write: Write):
    a, b = write("a.sp", spice("a 0 1", "a b 0.3")), write("b.sp", spice("a 0 1", "a b 0.1"))
    assert compare(a, b).scores()["pair_coupling"]["n"] == 1
    assert compare(a, b, min_cap_farad=0.2e-15).scores()["pair_coupling"]["n"] == 1
    assert compare(a, b, min_cap_farad=0.5e-15).scores()["pair_coupling"]["n"] == 0
    with pytest.raises(ConfigError, match="positive capacitance"):
        compare(a, b, min_cap_farad=0.0)


@given(
    factor=st.floats(0.05, 20),
    noise=st.lists(st.floats(-0.3, 0.3), min_size=6, max_size=60),
    outlier=st.floats(1, 6),
)
def test_scale_undoes_a_factor_whatever_one_outlier_says(factor: float, noise: list[float], outlier: float):
    errors = np.array([*noise, *(-value for value in noise)]) + math.log10(factor)
    scale, low, high = refit_scale(errors)
    assert scale is not None
    assert low is not None
    assert high is not None
    assert scale * factor == pytest.approx(1.0)
    assert low <= scale <= high
    disturbed, _, _ = refit_scale(np.array([*errors, outlier + math.log10(factor)]))
    assert disturbed is not None
    assert low * (1 - 1e-9) <= disturbed <= high * (1 + 1e-9)


def test_interval_of_the_scale_covers_the_truth():
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(400):
        _, low, high = refit_scale(rng.standard_t(2, size=30))
        assert low is not None
        assert high is not None
        covered += low <= 1.0 <= high
    assert 0.93 <= covered / 400 <= 1.0


@pytest.mark.parametrize("factor", [0.4, 1.0, 2.5])
def test_the_threshold_does_not_move_the_scale(factor: float, write: Write):
    """Most values lie around the threshold, and both files err."""
    rng = np.random.default_rng(3)
    truth = 0.01 * np.exp(rng.normal(0, 1, 3000))
    one, other = (truth * np.exp(rng.normal(0, 0.3, 3000)) for _ in range(2))
    files = [
        write(name, spice(*(f"n{i} 0 {value:.9g}" for i, value in enumerate(values.tolist()))))
        for name, values in (("a.sp", one), ("b.sp", factor * other))
    ]
    found = compare(*files).scores()["net_ground"]
    assert found["scale_low"] < 1 / factor < found["scale_high"]
    assert found["bias_decades"] == pytest.approx(math.log10(factor), abs=1.5 * found["bias_error_decades"])


def test_swapping_the_files_inverts_the_figures(write: Write):
    a = write("a.sp", spice("a 0 1", "b 0 2", "c 0 3", "a b 4"))
    b = write("b.sp", spice("a 0 2", "b 0 3", "c 0 5", "a b 1"))
    one, other = compare(a, b).scores(), compare(b, a).scores()
    for name, block in one.items():
        assert block["mae_decades"] == other[name]["mae_decades"]
        assert block["bias_decades"] == pytest.approx(-other[name]["bias_decades"])
        assert block["scale"] * other[name]["scale"] == pytest.approx(1.0, abs=1e-3)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
ROW = st.dictionaries(
    st.sampled_from(
        ["net", "net_a", "net_b", "cap_farad", "cap_ground_farad", "cap_coupling_farad", "probability"]
    ),
    JSON,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    tree=JSON
    | st.fixed_dictionaries({"nets": st.lists(ROW, max_size=3), "couplings": st.lists(ROW, max_size=3)})
)
def test_any_json_is_an_estimate_or_refused(tree: object, tmp_path: Path):
    good, path = tmp_path / "a.sp", tmp_path / "x.json"
    good.write_text(spice("a 0 1"))
    path.write_text(json.dumps(tree))
    with contextlib.suppress(CircuitGCLError):
        compare(good, path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(nets=st.binary(max_size=60), tail=st.binary(max_size=20))
def test_any_table_is_an_estimate_or_refused(nets: bytes, tail: bytes, tmp_path: Path):
    good = tmp_path / "a.sp"
    good.write_text(spice("a 0 1"))
    (tmp_path / "x.nets.csv").write_bytes(b"net,cap_ground_farad,cap_coupling_farad\n" + nets)
    (tmp_path / "x.couplings.csv").write_bytes(b"net_a,net_b,cap_farad\n" + tail)
    with contextlib.suppress(CircuitGCLError):
        compare(good, tmp_path / "x.csv")


@pytest.mark.skipif(not MACRO.exists(), reason="labelled SRAM data not present")
def test_a_macro_and_its_spef_and_dspf_are_the_same(tmp_path: Path):
    found = read_parasitics(MACRO)
    spef, dspf = tmp_path / "m.spef", tmp_path / "m.spf"
    write_spef(found, spef)
    write_dspf(found, dspf)
    for one, other in ((MACRO, spef), (spef, dspf), (dspf, MACRO)):
        comparison = compare(one, other)
        assert len(comparison.nets) == len(found.nets) - len({"vdd", "gnd"} & set(found.nets))
        for block in comparison.scores().values():
            assert block["n"] > 400
            assert block["mae_decades"] == 0.0
        assert comparison.only_a_farad == comparison.only_b_farad == 0.0
        assert (comparison.worst_couplings()["difference"].abs() < 1e-24).all()
        assert comparison.to_dict()["only_a"]["pairs"] == 0


BAD_ESTIMATES = [
    ("cut", '{"nets": [', r"x\.json:1: no JSON"),
    ("no estimate", '{"a": 1}', "no estimate; expected an object"),
    ("two designs", "[{}, {}]", "2 designs in one file"),
    ("column", '{"nets": [{"net": "a"}], "couplings": []}', "column cap_ground_farad is missing"),
    ("value", estimate([("a", -1, 0)], []), "no capacitance"),
    (
        "text",
        '{"nets": [{"net": "a", "cap_ground_farad": "x", "cap_coupling_farad": 0}], "couplings": []}',
        "no cap",
    ),
    ("twice", estimate([("a", 1, 0), ("a", 1, 0)], []), "listed twice"),
    ("row", '{"nets": [1], "couplings": []}', "is no object"),
]


@pytest.mark.parametrize(("text", "reason"), [pytest.param(*row[1:], id=row[0]) for row in BAD_ESTIMATES])
def test_bad_estimate(text: str, reason: str, write: Write):
    good = write("a.sp", spice("a 0 1"))
    with pytest.raises(DataError, match=reason):
        compare(good, write("x.json", text))


def test_bad_tables(write: Write, tmp_path: Path):
    good = write("a.sp", spice("a 0 1"))
    write("x.nets.csv", "net,cap_ground_farad,cap_coupling_farad\na,1,0\n")
    with pytest.raises(DataError, match=r"x\.couplings\.csv: this table does not exist"):
        compare(good, tmp_path / "x.csv")
    write("x.couplings.csv", "")
    with pytest.raises(DataError, match=r"x\.couplings\.csv: cannot read this table"):
        compare(good, tmp_path / "x.csv")


def test_nothing_in_common(write: Write):
    with pytest.raises(ParasiticsError, match=r"a\.sp: no net is common .* tried as written"):
        compare(write("a.sp", spice("a 0 1")), write("b.sp", spice("q 0 1")))
