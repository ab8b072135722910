"""Estimates as parasitic records and as files: the tables' totals, and back again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from circuitgcl.estimation import Bound, Estimate, EstimateConfig, Estimator, GraphConfig
from circuitgcl.estimation.expectation import NEGLIGIBLE, expected_parasitics
from circuitgcl.netlist import flatten, read_netlist
from circuitgcl.parasitics import Parasitics, read_dspf, read_parasitics, read_spef

RING = """* a ring with a supply and a net that is ground by its name
.subckt inv a y vdd gnd
mp y a vdd vdd pmos w=0.4u l=0.05u
mn y a t gnd nmos w=0.2u l=0.05u
mt t a gnd gnd nmos w=0.2u l=0.05u
.ends
.subckt ring a b c vdd gnd
x0 a b vdd gnd inv
x1 b c vdd gnd inv
r1 c n1 1k
r2 n1 a 1k
.ends
"""


@pytest.fixture(scope="module")
def estimator(tiny_model: Path) -> Estimator:
    return Estimator.from_pretrained(tiny_model, "cpu")


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ring") / "ring.sp"
    path.write_text(RING)
    return path


def totals(parasitics: Parasitics) -> dict[str, float]:
    found = parasitics.ground_farad.copy()
    for end in (parasitics.pair_a, parasitics.pair_b):
        np.add.at(found, end, parasitics.pair_farad)
    return dict(zip(parasitics.nodes, found.tolist(), strict=True))


def column(estimate: Estimate, name: str) -> dict[str, float]:
    return dict(zip(estimate.nets["net"], estimate.nets[name], strict=True))


CONFIGS = [
    pytest.param(EstimateConfig(), id="default"),
    pytest.param(EstimateConfig(bound=Bound.P90, scale=1.3), id="bound and scale"),
    pytest.param(EstimateConfig(exclude="b,n*"), id="nets left out"),
    pytest.param(EstimateConfig(min_cap_farad=1e-13), id="all couplings small"),
    pytest.param(EstimateConfig(min_cap_farad=1e-21), id="no coupling small"),
]


@pytest.mark.parametrize("config", CONFIGS)
def test_totals_are_those_of_the_table(estimator: Estimator, ring: Path, config: EstimateConfig) -> None:
    estimate = estimator.estimate(ring, config=config)
    parasitics = estimate.to_parasitics()
    assert totals(parasitics) == pytest.approx(column(estimate, "cap_total_farad"), rel=1e-5)
    ground = dict(zip(parasitics.nodes, parasitics.ground_farad.tolist(), strict=True))
    table = column(estimate, "cap_ground_farad")
    if config.exclude:  # what couples to them stays as load
        assert set(ground) == {"a", "c", "x0/t", "x1/t"}
        assert all(ground[name] > table[name] for name in ground)
    elif config.min_cap_farad > 1e-15:
        assert len(parasitics.pair_farad) == 0
    else:
        assert ground == pytest.approx(table, rel=1e-3)
        assert len(parasitics.pair_farad) > 0


def test_a_coupling_counts_by_its_probability_to_exist(ring: Path) -> None:
    """By hand: three nets, one pair of which is negligible, and one partner that is not listed."""
    circuit = flatten(read_netlist(ring))
    number = {name: net for net, name in enumerate(circuit.net_names())}
    a, b, c, inner = (number[name] for name in ("a", "b", "c", "n1"))
    load = np.zeros(circuit.net_count)
    load[[a, b, c, inner]] = 1e-15, 2e-15, 3e-15, 4e-15
    found = expected_parasitics(
        circuit,
        design="ring",
        nets=np.array([a, b, c]),
        load_farad=load,
        pair=np.array([[a, b], [b, c], [a, inner]]),
        pair_farad=np.array([5e-16, 0.5 * NEGLIGIBLE * 1e-17, 2.5e-16]),
        min_cap_farad=1e-17,
    )
    assert found.nodes == found.nets == ("a", "b", "c")
    assert found.ground_farad.tolist() == pytest.approx([1.25e-15, 2.00005e-15, 3.00005e-15], rel=1e-9)
    assert (found.pair_a.tolist(), found.pair_b.tolist(), found.pair_farad.tolist()) == ([0], [1], [5e-16])


def test_the_reference_node_has_no_row(estimator: Estimator, tmp_path: Path) -> None:
    path = tmp_path / "x.sp"
    path.write_text("* t\nm1 d g 0 0 nmos w=1u l=1u\nr1 d gnd 1k\nr2 g vdd 1k\nr3 g d 1k\n")
    config = EstimateConfig(graph=GraphConfig(rails=("vdd",)))  # which leaves ground out
    estimate = estimator.estimate(path, config=config)
    assert set(estimate.nets["net"]) == {"0", "d", "g"}
    parasitics = estimate.to_parasitics()
    assert set(parasitics.nodes) == {"d", "g"}
    table = column(estimate, "cap_total_farad")
    assert totals(parasitics) == pytest.approx({name: table[name] for name in ("d", "g")}, rel=1e-5)


@pytest.mark.parametrize("read", [read_spef, read_dspf, read_parasitics])
def test_files_read_back_as_the_record(
    estimator: Estimator, ring: Path, read: object, tmp_path: Path
) -> None:
    estimate = estimator.estimate(ring)
    expected = estimate.to_parasitics()
    path = tmp_path / "ring.x"
    estimate.to_dspf(path) if read is read_dspf else estimate.to_spef(path)
    assert callable(read)
    found = read(path)
    assert isinstance(found, Parasitics)
    assert (found.design, found.nodes, found.nets) == ("ring", expected.nodes, expected.nets)
    for name in ("ground_farad", "pair_a", "pair_b", "pair_farad"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_spef_sections_hold_each_coupling_on_both_sides(
    estimator: Estimator, ring: Path, tmp_path: Path
) -> None:
    estimate = estimator.estimate(ring)
    estimate.to_spef(tmp_path / "x.spef")
    sections = (tmp_path / "x.spef").read_text().split("*D_NET ")[1:]
    rows = [[line.split() for line in s.split("*CAP\n")[1].split("*END")[0].splitlines()] for s in sections]
    for section, caps in zip(sections, rows, strict=True):
        assert float(section.split()[1]) == pytest.approx(sum(float(row[-1]) for row in caps), rel=1e-12)
    pairs = [frozenset(row[1:3]) for caps in rows for row in caps if len(row) == 4]
    assert {pairs.count(pair) for pair in pairs} == {2}
    assert len(set(pairs)) == len(estimate.to_parasitics().pair_farad)


def test_annotate_takes_the_dialect_that_was_told(estimator: Estimator, tmp_path: Path) -> None:
    path = tmp_path / "x.sp"
    path.write_text(RING)
    config = EstimateConfig()
    told = EstimateConfig(netlist=type(config.netlist)(dialect="hspice"))
    estimator.estimate(path, config=config).annotate(tmp_path / "a.sp")
    estimator.estimate(path, config=told).annotate(tmp_path / "b.sp")
    estimator.estimate(read_netlist(path, dialect="hspice")).annotate(tmp_path / "c.sp")
    estimator.estimate(path, config=config).annotate(tmp_path / "d.sp", simulator="hspice")
    texts = [(tmp_path / f"{name}.sp").read_text() for name in "abcd"]
    assert texts[1] == texts[2] == texts[3]
    assert "x0.t" in texts[0]
    assert "inv_p1" in texts[1]
