"""Checks against the labelled SRAM extractions, where they lie beside the repository."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from circuitgcl.parasitics import Parasitics, match_nets, read_parasitics, tie_to_ground, to_net_level

OPENRAM = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "openram"
pytestmark = pytest.mark.skipif(not OPENRAM.is_dir(), reason="labelled SRAM data not present")


def summed_by_words(path: Path) -> tuple[float, float, set[str]]:
    """Ground total, coupling total and node names, one line at a time."""
    ground = coupling = 0.0
    names: set[str] = set()
    with gzip.open(path, "rt") as lines:
        for line in lines:
            words = line.split()
            if line.startswith("C"):
                names.update(words[1:3])
                if "0" in words[1:3]:
                    ground += float(words[3])
                else:
                    coupling += float(words[3])
    return ground, coupling, names - {"0"}


@pytest.mark.parametrize(
    "name",
    [
        "fpdk45_2x16.pex",
        "fpdk45_2x16.pin.pex",
        "scn4m_2x16_1rw1r.pex",
        "scn4m_2x16.pin.pex",
        "fpdk45_16x64__port_data.pex",
    ],
)
def test_totals_equal_a_plain_sum(name: str) -> None:
    path = OPENRAM / f"{name}.sp.gz"
    ground, coupling, names = summed_by_words(path)
    found = read_parasitics(path)
    assert found.ground_total_farad == pytest.approx(ground, rel=1e-12)
    assert found.coupling_total_farad == pytest.approx(coupling, rel=1e-12)
    if found.is_pin_level:
        assert names <= set(found.nodes)
    else:
        assert names == set(found.nodes)
    assert {skipped.kind for skipped in found.skipped_cards} <= {"*|P on node 0"}


def test_every_gate_and_diffusion_piece_has_a_net() -> None:
    found = read_parasitics(OPENRAM / "fpdk45_2x16.pin.pex.sp.gz")
    for node, net in zip(found.nodes, found.node_net, strict=True):
        assert (":" in node) == (node != found.nets[net])


def test_a_pin_lies_on_pieces_of_one_net() -> None:
    found = read_parasitics(OPENRAM / "fpdk45_2x16.pin.pex.sp.gz")
    pin_net: dict[str, int] = {}
    for node, net in enumerate(found.node_net.tolist()):
        assert all(pin_net.setdefault(pin, net) == net for pin in found.pins_of(node))


@pytest.mark.parametrize(("macro", "tolerance"), [("fpdk45_2x16", 0.01), ("scn4m_2x16", 0.02)])
def test_pieces_summed_agree_with_the_net_level_extraction(macro: str, tolerance: float) -> None:
    """The pin-level layout is cut at contacts and keeps ground metal, so the two runs agree only closely."""
    whole = tie_to_ground(read_parasitics(OPENRAM / f"{macro}.pex.sp.gz"), ["gnd"])
    pieces = tie_to_ground(to_net_level(read_parasitics(OPENRAM / f"{macro}.pin.pex.sp.gz")), ["gnd"])
    assert set(whole.nets) <= set(pieces.nets)
    assert pieces.ground_total_farad == pytest.approx(whole.ground_total_farad, rel=tolerance)
    assert pieces.coupling_total_farad == pytest.approx(whole.coupling_total_farad, rel=tolerance)
    one, other = coupled(whole), coupled(pieces)
    large = [pair for pair, farad in one.items() if farad > 1e-17]
    ratios = np.array([other.get(pair, 0.0) / one[pair] for pair in large])
    assert np.median(ratios) == pytest.approx(1.0, abs=1e-3)
    assert (abs(ratios - 1) < 0.2).mean() > 0.95


def coupled(found: Parasitics) -> dict[frozenset[str], float]:
    return {
        frozenset({found.nodes[a], found.nodes[b]}): farad
        for a, b, farad in zip(found.pair_a, found.pair_b, found.pair_farad.tolist(), strict=True)
    }


def test_matching_a_respelled_list_of_nets() -> None:
    """Names of another tool for the same nets: dots, no leading X, angle brackets, a top cell in front."""
    found = read_parasitics(OPENRAM / "fpdk45_2x16.pex.sp.gz")
    exact = match_nets(found, [*found.nets, "gnd"])
    assert exact.node_to_net.tolist() == list(range(len(found.nets)))
    assert exact.report.capacitance_matched == pytest.approx(1.0, abs=1e-12)
    assert exact.report.reference == ("gnd",)
    assert exact.report.missing == ()
    respelled = [
        "chip."
        + name.replace("/X", "/").removeprefix("X").replace("/", ".").replace("[", "<").replace("]", ">")
        for name in found.nets
    ]
    other = match_nets(found, respelled, top="chip")
    assert other.report.nets_matched == 1.0
    np.testing.assert_array_equal(other.node_to_net, exact.node_to_net)
