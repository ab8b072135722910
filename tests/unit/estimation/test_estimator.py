"""Estimates: every signal net, no rail, sums that add up, and nothing that depends on the order of cards."""

from __future__ import annotations

import itertools
import random
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from circuitgcl.data.tensors import design_tensors
from circuitgcl.errors import CheckpointError, ConfigError, DataError, NetlistError
from circuitgcl.estimation import Bound, Estimate, EstimateConfig, Estimator, GraphConfig
from circuitgcl.estimation.estimator import matching
from circuitgcl.graph import build_graph
from circuitgcl.netlist import flatten, read_netlist

EXAMPLES = Path(__file__).resolve().parents[3] / "netlists"
CAPACITANCES = ["cap_ground_farad", "cap_ground_lo_farad", "cap_ground_hi_farad"]

# asymmetric on purpose: nets that mirror each other are told apart by their names
CHAIN = """* two stages with a bus
.subckt stage a y vdd gnd
{stage}
.ends
.subckt chain {ports}
{chain}
.ends
"""
STAGE_CARDS = [
    "mp y a vdd vdd pmos w=0.6u l=0.05u",
    "mn y a m gnd nmos w=0.3u l=0.05u",
    "mt m en_ gnd gnd nmos w=0.2u l=0.08u",
    "mk en_ y gnd gnd nmos w=0.1u l=0.05u",
]
CHAIN_CARDS = [
    "xin in[0] n1 vdd gnd stage",
    "xmid n1 n2 vdd gnd stage",
    "xout n2 out vdd gnd stage",
    "mload out bias in[1] gnd nmos w=2u l=0.1u",
    "r1 bias n1 10k",
    "c1 n2 0 1f",
]
PORTS = ["in[0]", "in[1]", "bias", "out", "vdd", "gnd"]


def chain(seed: int | None = None) -> str:
    """The chain, with cards and top-level ports shuffled by a seed."""
    stage, top, ports = STAGE_CARDS[:], CHAIN_CARDS[:], PORTS[:]
    if seed is not None:
        shuffler = random.Random(seed)
        for cards in (stage, top, ports):
            shuffler.shuffle(cards)
    return CHAIN.format(stage="\n".join(stage), chain="\n".join(top), ports=" ".join(ports))


@pytest.fixture(scope="module")
def estimator(tiny_model: Path) -> Estimator:
    return Estimator.from_pretrained(tiny_model, "cpu")


@pytest.fixture(scope="module")
def chain_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("chain") / "chain.sp"
    path.write_text(chain())
    return path


@pytest.fixture(scope="module")
def plain(estimator: Estimator, chain_path: Path) -> Estimate:
    return estimator.estimate(chain_path)


def by_net(estimate: Estimate) -> pd.DataFrame:
    return estimate.nets.set_index("net").sort_index()


def by_pair(estimate: Estimate) -> pd.DataFrame:
    table = estimate.couplings
    names = [tuple(sorted(pair)) for pair in zip(table["net_a"], table["net_b"], strict=True)]
    assert len(set(names)) == len(names)
    table = table.drop(columns=["net_a", "net_b"])
    return table.set_index(pd.MultiIndex.from_tuples(names)).sort_index()


def assert_same(one: Estimate, other: Estimate, **tolerance: float) -> None:
    pd.testing.assert_frame_equal(by_net(one), by_net(other), **tolerance)
    pd.testing.assert_frame_equal(by_pair(one), by_pair(other), **tolerance)


@pytest.mark.parametrize("name", ["ota_5t", "bandgap", "comparator_strongarm", "vco_ring", "dac_capacitive"])
def test_every_signal_net_is_listed_once_and_no_rail(name: str, estimator: Estimator):
    path = EXAMPLES / f"{name}.sp"
    estimate = estimator.estimate(path)
    circuit = flatten(read_netlist(path))
    rails = set(estimate.summary["rails"])
    assert rails
    assert sorted(estimate.nets["net"]) == sorted(set(circuit.net_names()) - rails)
    mentioned = set(estimate.couplings["net_a"]) | set(estimate.couplings["net_b"])
    assert mentioned <= set(estimate.nets["net"])
    assert estimate.summary["devices"] == circuit.device_count


def test_sums_add_up(plain: Estimate):
    nets = plain.nets
    np.testing.assert_allclose(
        nets["cap_total_farad"], nets["cap_ground_farad"] + nets["cap_coupling_farad"], rtol=1e-12
    )
    assert (nets[[*CAPACITANCES, "cap_coupling_farad"]] > 0).all(axis=None)


def test_coupling_of_a_net_is_the_expected_sum_over_its_pairs(estimator: Estimator, chain_path: Path):
    everything = EstimateConfig(min_cap_farad=1e-30, min_probability=0.0)
    estimate = estimator.estimate(chain_path, config=everything)
    table = estimate.couplings
    expected = table["probability"] * table["cap_farad"]
    both = pd.concat([expected.set_axis(table["net_a"]), expected.set_axis(table["net_b"])])
    total = both.groupby(level=0).sum()
    found = by_net(estimate)["cap_coupling_farad"]
    np.testing.assert_allclose(found, total.reindex(found.index), rtol=1e-12)


def test_rows_are_sorted(plain: Estimate):
    assert plain.nets["cap_total_farad"].is_monotonic_decreasing
    expected = plain.couplings["probability"] * plain.couplings["cap_farad"]
    assert expected.is_monotonic_decreasing


@pytest.mark.parametrize("seed", range(4))
def test_order_of_cards_and_ports_does_not_matter(
    seed: int, estimator: Estimator, plain: Estimate, tmp_path: Path
):
    path = tmp_path / "chain.sp"
    path.write_text(chain(seed))
    assert path.read_text() != chain()
    assert_same(estimator.estimate(path), plain, rtol=1e-4)


def test_names_without_an_index_do_not_matter(estimator: Estimator, plain: Estimate, tmp_path: Path):
    new = {
        "xin": "xa",
        "bias": "zz",
        "out": "aa",
        "xmid": "xz",
        "m": "mm",
        "en_": "q",
        "y": "yy",
    }
    back = {other: name for name, other in new.items()}

    def renamed(text: str, names: dict[str, str]) -> str:
        return re.sub(rf"(?<![\w.])({'|'.join(names)})(?![\w.])", lambda word: names[word[0]], text)

    path = tmp_path / "chain.sp"
    path.write_text(renamed(chain(), new))
    found = estimator.estimate(path)
    assert set(found.nets["net"]) != set(plain.nets["net"])
    for table in (found.nets, found.couplings):
        for column in table.columns.intersection(["net", "net_a", "net_b"]):
            table[column] = [renamed(name, back) for name in table[column]]
    assert_same(found, plain, rtol=1e-6)


def test_same_input_gives_the_same_numbers(tiny_model: Path, plain: Estimate, chain_path: Path):
    again = Estimator.from_pretrained(tiny_model, "cpu").estimate(chain_path)
    pd.testing.assert_frame_equal(again.nets, plain.nets, check_exact=True)
    pd.testing.assert_frame_equal(again.couplings, plain.couplings, check_exact=True)
    assert again.to_dict() == plain.to_dict()


def test_path_netlist_and_circuit_are_one(estimator: Estimator, plain: Estimate, chain_path: Path):
    netlist = read_netlist(chain_path)
    for given in (str(chain_path), netlist, flatten(netlist)):
        assert estimator.estimate(given).to_dict() == plain.to_dict()


def test_scale_multiplies_every_capacitance(estimator: Estimator, plain: Estimate, chain_path: Path):
    config = EstimateConfig(scale=2.5, min_cap_farad=2.5e-17)
    scaled = estimator.estimate(chain_path, config=config)
    farads = [*CAPACITANCES, "cap_coupling_farad", "cap_total_farad"]
    np.testing.assert_allclose(by_net(scaled)[farads], by_net(plain)[farads] * 2.5, rtol=1e-9)
    farads = ["cap_farad", "cap_lo_farad", "cap_hi_farad"]
    assert by_pair(scaled).index.equals(by_pair(plain).index)
    np.testing.assert_allclose(by_pair(scaled)[farads], by_pair(plain)[farads] * 2.5, rtol=1e-9)
    np.testing.assert_allclose(by_pair(scaled)["probability"], by_pair(plain)["probability"], rtol=1e-5)


@pytest.mark.parametrize(("bound", "end"), [(Bound.P10, "lo"), (Bound.P90, "hi")])
def test_bound_puts_an_end_of_the_interval_into_the_columns(
    bound: Bound, end: str, estimator: Estimator, plain: Estimate, chain_path: Path
):
    everything = EstimateConfig(min_cap_farad=1e-30, min_probability=0.0)
    middle = estimator.estimate(chain_path, config=everything)
    found = estimator.estimate(chain_path, config=replace(everything, bound=bound))
    nets, pairs = by_net(found), by_pair(found)
    np.testing.assert_array_equal(nets["cap_ground_farad"], nets[f"cap_ground_{end}_farad"])
    np.testing.assert_array_equal(pairs["cap_farad"], pairs[f"cap_{end}_farad"])
    np.testing.assert_array_equal(pairs["cap_lo_farad"], by_pair(middle)["cap_lo_farad"])
    above = nets["cap_total_farad"] > by_net(middle)["cap_total_farad"]
    assert above.all() if bound is Bound.P90 else not above.any()


@pytest.mark.parametrize("min_cap", [1e-17, 3e-17, 1e-16])
@pytest.mark.parametrize("bound", list(Bound))
def test_no_coupling_below_the_threshold_is_listed(
    min_cap: float, bound: Bound, estimator: Estimator, chain_path: Path
):
    config = EstimateConfig(min_cap_farad=min_cap, bound=bound)
    couplings = estimator.estimate(chain_path, config=config).couplings
    assert (couplings["cap_farad"] >= min_cap).all()
    assert (couplings["probability"] >= config.min_probability).all()


def test_a_higher_threshold_is_less_likely_to_be_passed(estimator: Estimator, chain_path: Path):
    tables = [
        by_pair(estimator.estimate(chain_path, config=EstimateConfig(min_cap_farad=c, min_probability=0.0)))
        for c in (1e-19, 1e-17, 5e-17)
    ]
    for low, high in itertools.pairwise(tables):
        assert set(high.index) <= set(low.index)
        assert (high["probability"] <= low["probability"].reindex(high.index) + 1e-9).all()
    assert len(tables[0]) > len(tables[-1])


def test_intervals_contain_the_estimate(plain: Estimate):
    for table, name in ((plain.nets, "cap_ground"), (plain.couplings, "cap")):
        assert (table[f"{name}_lo_farad"] < table[f"{name}_farad"]).all()
        assert (table[f"{name}_farad"] < table[f"{name}_hi_farad"]).all()


def test_include_and_exclude(estimator: Estimator, plain: Estimate, chain_path: Path):
    chosen = estimator.estimate(chain_path, config=EstimateConfig(include="xin/*, OUT"))
    assert sorted(chosen.nets["net"]) == ["out", "xin/en_", "xin/m"]
    touched = set(chosen.nets["net"])
    assert all(
        {a, b} & touched for a, b in zip(chosen.couplings["net_a"], chosen.couplings["net_b"], strict=True)
    )
    pd.testing.assert_frame_equal(by_net(chosen), by_net(plain).loc[sorted(touched)], check_exact=True)

    rest = estimator.estimate(chain_path, config=EstimateConfig(exclude="xin/*,out"))
    assert set(rest.nets["net"]) == set(plain.nets["net"]) - touched
    assert not (set(rest.couplings["net_a"]) | set(rest.couplings["net_b"])) & touched


def test_patterns_that_catch_nothing_are_reported(estimator: Estimator, chain_path: Path):
    estimate = estimator.estimate(chain_path, config=EstimateConfig(include="nix*"))
    assert len(estimate.nets) == len(estimate.couplings) == 0
    assert any("nix*" in warning for warning in estimate.warnings)
    assert estimate.to_dict()["nets"] == []
    config = EstimateConfig(graph=GraphConfig(rails=("avdd_typo",)))
    assert any("avdd_typo" in warning for warning in estimator.estimate(chain_path, config=config).warnings)


def test_refusing_every_rail_is_said_as_such(estimator: Estimator, chain_path: Path):
    config = EstimateConfig(graph=GraphConfig(rails=("!vdd", "!gnd", "!0")))
    assert estimator.estimate(chain_path, config=config).warnings == (
        "rails '!vdd,!gnd,!0' leave no net that looks like a rail: there is no rail",
    )


def test_rails_can_be_named(estimator: Estimator, plain: Estimate, chain_path: Path):
    config = EstimateConfig(graph=GraphConfig(rails=("vdd", "gnd", "0", "BIAS")))
    estimate = estimator.estimate(chain_path, config=config)
    assert set(plain.nets["net"]) - set(estimate.nets["net"]) == {"bias"}
    assert "bias" not in set(estimate.couplings["net_a"]) | set(estimate.couplings["net_b"])


def test_top_can_be_chosen(estimator: Estimator, chain_path: Path):
    estimate = estimator.estimate(chain_path, top="stage")
    assert (estimate.top, estimate.design) == ("stage", "chain")
    assert sorted(estimate.nets["net"]) == ["a", "en_", "m", "y"]
    with pytest.raises(NetlistError, match="no subcircuit 'nix'"):
        estimator.estimate(chain_path, top="nix")


def test_what_the_memory_knows_is_marked(estimator: Estimator, tiny_netlist: Path, plain: Estimate):
    everything = EstimateConfig(min_cap_farad=1e-30, min_probability=0.0)
    sources = estimator.estimate(tiny_netlist, config=everything).couplings["source"].tolist()
    assert sources.count("memory") >= 1
    assert set(sources) == {"memory", "network"}
    assert set(plain.couplings["source"]) == {"network"}


def test_distant_pairs_are_symmetric(estimator: Estimator, chain_path: Path):
    graph = build_graph(flatten(read_netlist(chain_path)))
    _, distant = estimator.predictor.predict(design_tensors(graph), 1e-17)
    pair = np.array([[0, 5], [1, 6], [2, 3]])
    one, other = distant.coupling(pair), distant.coupling(pair[:, ::-1].copy())
    np.testing.assert_array_equal(one.farad, other.farad)
    assert len(distant.coupling(np.zeros((0, 2), np.int64)).farad) == 0


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ([[0, 99]], r"a pair names net 99; chain has nets 0 to \d+. By name"),
        ([[-1, 0]], "a pair names net -1"),
        ([0, 1], r"pairs are int64 of shape \(2,\); expected integers \[X, 2\]"),
        ([["a", "b"]], "expected integers"),
    ],
)
def test_distant_pairs_of_unknown_nets(estimator: Estimator, chain_path: Path, pair: list, message: str):
    graph = build_graph(flatten(read_netlist(chain_path)))
    _, distant = estimator.predictor.predict(design_tensors(graph), 1e-17)
    with pytest.raises(DataError, match=message):
        distant.coupling(np.array(pair))


def test_circuit_of_one_signal_net_has_no_coupling(estimator: Estimator, tmp_path: Path):
    path = tmp_path / "load.sp"
    path.write_text("* load\n.subckt load a vdd gnd\nr1 a gnd 1k\nr2 a vdd 2k\n.ends\n")
    estimate = estimator.estimate(path)
    assert estimate.nets["net"].tolist() == ["a"]
    assert len(estimate.couplings) == 0
    assert estimate.technology == "no MOSFET"
    assert estimate.nets["cap_coupling_farad"].tolist() == [0.0]


def test_names_of_designs(estimator: Estimator, chain_path: Path, tmp_path: Path):
    for name, design in (("amp.v2.sp", "amp.v2"), ("amp.sp.gz", "amp"), ("amp", "amp")):
        path = tmp_path / name
        path.write_bytes(chain_path.read_bytes())
        assert estimator.estimate(path).design == design


@pytest.mark.parametrize(
    "change", [{"scale": 0.0}, {"scale": float("nan")}, {"min_cap_farad": -1.0}, {"min_probability": 1.5}]
)
def test_settings_are_checked(change: dict[str, float]):
    with pytest.raises(ConfigError, match=next(iter(change))):
        EstimateConfig(**change)


def test_no_such_model():
    with pytest.raises(CheckpointError, match="there is no checkpoint 'nix'"):
        Estimator.from_pretrained("nix")


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        ("*", [True, True, True, True]),
        ("", [False, False, False, False]),
        ("bl[3]", [True, False, False, False]),
        ("BL[?]", [True, False, False, False]),
        ("bl*", [True, True, False, False]),
        ("x1/*,x1.out", [False, False, True, False]),
        (" bl3 , net", [False, True, False, True]),
    ],
)
def test_matching(patterns: str, expected: list[bool]):
    names = np.array(["bl[3]", "bl3", "X1/out", "net"], dtype=object)
    assert matching(names, patterns).tolist() == expected
