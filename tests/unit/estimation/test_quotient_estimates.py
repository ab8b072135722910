"""`graph.quotient` changes how long an estimate takes, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from circuitgcl.config import load_config
from circuitgcl.data.synthetic import synthetic_array
from circuitgcl.data.tensors import class_tensors, design_tensors
from circuitgcl.estimation import EstimateConfig, Estimator
from circuitgcl.graph import build_graph
from circuitgcl.netlist import flatten, read_netlist

NETLISTS = Path(__file__).parents[3] / "netlists"
OPENRAM = Path(__file__).parents[4] / "shared" / "data" / "openram"
SOME = ("adc_sar_slice.sp", "dac_capacitive.sp", "sram_column.sp", "vco_ring.sp", "openram/scn4m_2x16.sp.gz")


@pytest.fixture(scope="module")
def estimator() -> Estimator:
    return Estimator.from_pretrained("bundled", "cpu")


def assert_equal_tables(estimator: Estimator, netlist: Path) -> None:
    circuit = flatten(read_netlist(netlist))
    one, other = (
        estimator.estimate(
            circuit,
            config=load_config(
                EstimateConfig,
                settings=[f"graph.quotient={quotient}", "min_probability=0", "min_cap_farad=1e-24"],
            ),
        )
        for quotient in ("true", "false")
    )
    for name, keys in (("nets", ["net"]), ("couplings", ["net_a", "net_b"])):
        tables = [getattr(found, name).sort_values(keys, ignore_index=True) for found in (one, other)]
        pd.testing.assert_frame_equal(*tables, rtol=1e-4, atol=0.0)
    assert one.summary == other.summary


@pytest.mark.parametrize("name", SOME)
def test_tables_with_and_without_quotient(estimator: Estimator, name: str):
    assert_equal_tables(estimator, NETLISTS / name)


@pytest.mark.skipif(not OPENRAM.is_dir(), reason="needs the shared labelled data")
@pytest.mark.parametrize("name", ["fpdk45_8x32", "scn4m_2x16_1rw1r"])
def test_tables_of_macros(estimator: Estimator, name: str):
    assert_equal_tables(estimator, OPENRAM / f"{name}.sp.gz")


def test_classes_are_fewer_and_count_as_often(tmp_path: Path):
    graph = build_graph(flatten(read_netlist(synthetic_array(12, 12).write(tmp_path).schematic)))
    full, classes = design_tensors(graph), class_tensors(graph, 4)
    assert len(classes.net_features) * 5 < len(full.net_features)
    assert classes.pair_rows * 5 < full.pair_rows
    assert torch.equal(classes.net_features[classes.net_row], full.net_features)
    assert torch.equal(classes.signal[classes.net_row], full.signal)
    for whole, count, row, size in (
        ("occurrence_pair", "context_count", "pair_row", classes.pair_rows),
        ("occurrence_net", "terminal_count", "net_row", len(classes.net_features)),
    ):
        one = torch.zeros(size).index_add(0, getattr(classes, whole), getattr(classes, count))
        every = torch.bincount(getattr(full, whole), minlength=len(getattr(full, row)))
        assert torch.equal(one[getattr(classes, row)], every.float())
    played = torch.zeros(len(classes.terminal_features)).index_add(
        0, classes.played_terminal, classes.played_share
    )
    assert np.allclose(played[played > 0], 1.0)
