"""The splits of the benchmark keep tests out of trainings, and the page says what the rows say."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuitgcl.data import DesignFiles, load_design
from circuitgcl.data.dataset import TARGET_RELATIONS, Level, design_data
from circuitgcl.data.pair_tables import PairTable

ROOT = Path(__file__).parents[3]
BENCHMARKS, MANIFEST = ROOT / "benchmarks", ROOT / "netlists" / "openram" / "manifest.toml"
if not BENCHMARKS.is_dir():
    pytest.skip("benchmarks are not part of this copy", allow_module_level=True)
sys.path.append(str(BENCHMARKS))

definitions = importlib.import_module("split_suite.definitions")
raw = importlib.import_module("split_suite.raw")
methods = importlib.import_module("split_suite.methods")
report = importlib.import_module("split_suite.report")
stored = importlib.import_module("split_suite.rows")

SHARED_CELLS = ROOT.parent / "shared" / "data" / "sky130_fd_sc_hd"
SPLITS = definitions.all_splits(MANIFEST, SHARED_CELLS, 0)


def openram(name: str) -> PairTable:
    folder = MANIFEST.parent
    return PairTable(
        load_design(
            DesignFiles(name=name, schematic=folder / f"{name}.sp.gz", extracted=folder / f"{name}.pex.sp.gz")
        )
    )


@pytest.mark.parametrize("name", SPLITS)
def test_no_family_stands_on_both_sides(name: str):
    split = SPLITS[name]
    assert split.train
    assert all(split.tests.values())
    tested = {d.family for files in split.tests.values() for d in files}
    trained = {d.family for d in split.train}
    if not split.lacks and not split.is_inside:
        assert not tested & trained
    assert not tested & {d.family for d in split.calibrates}
    # blocks of one macro train what its others are judged by: then no training design contains the part
    assert split.is_inside or not {d.name for d in split.train if not split.lacks} & {
        d.name for files in split.tests.values() for d in files
    }


def test_baselines_are_not_run_where_labels_calibrate():
    for split in SPLITS.values():
        run = {method for method in methods.METHODS if methods.applies(method, split)}
        assert "ours" in run
        assert ("relation-mean" in run) == (not split.calibrates)


def test_parts_are_told_without_their_macro():
    assert definitions.part_name("scn4m_2x16_bank", "scn4m_2x16__bank") == "bank"
    assert definitions.part_name("scn4m_2x16_pinv_4", "scn4m_2x16") == "pinv"
    assert definitions.part_name("dff", "fpdk45_8x32") == "dff"
    assert definitions.part_name("replica_cell_1rw", "fpdk45_8x32") == "replica_cell_1rw"


def test_designs_with_the_part_are_found():
    decoder, flops = openram("fpdk45_2x16__hierarchical_decoder"), openram("fpdk45_2x16__data_dff")
    assert definitions.contains(decoder, ("hierarchical_decoder",))
    assert not definitions.contains(decoder, ("dff",))
    assert definitions.contains(flops, ("dff", "sense_amp"))


def test_pairs_that_involve_a_cell():
    table = openram("fpdk45_2x16__data_dff")
    judged = definitions.involving(("dff",))(table, 0)
    contexts, terminals = table.graph.contexts, table.graph.terminals
    cells = [d.name for d in table.graph.circuit.definitions]
    inside = np.array([name == "dff" for name in cells])[terminals.definition]
    for row in np.random.default_rng(0).integers(0, table.candidates, 40):
        own = contexts.occurrence_context[contexts.occurrence_pair == row]
        assert judged[row] == (inside[contexts.side_a[own]] | inside[contexts.side_b[own]]).any()
    assert judged.any()
    assert not judged[table.candidates :].any()


def test_hidden_couplings_are_gone_in_training_and_judged_after():
    table = openram("fpdk45_2x16__data_dff")
    hidden = definitions.hidden(table, 3)
    assert hidden[table.label_row].mean() == pytest.approx(definitions.HIDDEN_SHARE, abs=0.05)
    training = definitions.training_table(table, SPLITS["edges-fpdk45"], 3)
    visible = {
        tuple(pair): farad
        for pair, farad in zip(table.pair[~hidden].tolist(), table.truth_ff[~hidden], strict=True)
    }
    assert {tuple(p): f for p, f in zip(training.pair.tolist(), training.truth_ff, strict=True)} == visible
    assert not np.array_equal(hidden, definitions.hidden(table, 4))


def test_what_is_left_of_a_design_is_as_it_was():
    """Pairs that stay keep their contexts and descriptors; contexts of none are gone."""
    table = openram("fpdk45_2x16__data_dff")
    gone = np.random.default_rng(0).random(len(table.pair)) < 0.5
    left = definitions.without_pairs(table, gone)
    kept = np.flatnonzero(~gone[: table.candidates])
    assert np.array_equal(left.relative[: left.candidates], table.relative[kept])
    assert np.array_equal(left.relation[: left.candidates], table.relation[kept])
    assert set(left.graph.contexts.occurrence_context.tolist()) == set(range(len(left.graph.contexts.kind)))
    whole = definitions.without_pairs(table, np.zeros(len(table.pair), bool))
    assert np.array_equal(whole.graph.contexts.key_exact, table.graph.contexts.key_exact)


def test_a_hidden_cell_leaves_no_trace():
    split, table = SPLITS["newcell-flipflop"], openram("fpdk45_2x16__control_logic_rw")
    left = definitions.training_table(table, split, 0)
    assert 0 < len(left.pair) < len(table.pair)
    assert not definitions.involving(("dff",))(left, 0).any()
    before, after = table.design.labels, left.design.labels
    assert before is not None
    assert after is not None
    circuit = table.graph.circuit
    cells = [k for k, d in enumerate(circuit.definitions) if d.name == "dff"]
    joined = np.zeros(circuit.net_count, bool)
    for instance in np.flatnonzero(np.isin(circuit.instance_definition, cells)):
        low, high = circuit.terminal_offset[instance : instance + 2]
        joined[circuit.terminal_net[low:high]] = True
    assert np.isnan(after.load_farad[joined]).all()
    assert np.array_equal(after.load_farad[~joined], before.load_farad[~joined], equal_nan=True)


def test_cells_of_one_function_stay_together(tmp_path: Path):
    for cell in ("lib__inv_1", "lib__inv_2", "lib__nand2_1", "lib__nor2_1", "lib__buf_4"):
        (tmp_path / f"{cell}.spice").touch()
    split = definitions.cell_split(tmp_path, 0)
    families = {d.family for d in split.train} | {d.family for d in split.tests["unseen families"]}
    assert families == {"lib__inv", "lib__nand2", "lib__nor2", "lib__buf"}
    other = definitions.cell_split(tmp_path, 1)
    assert split.train != other.train


def test_fewer_cells_are_a_part_of_more(tmp_path: Path):
    for function in range(36):
        for strength in (1, 2):
            (tmp_path / f"lib__f{function}_{strength}.spice").touch()
    whole = definitions.cell_split(tmp_path, 0)
    families = [{d.family for d in split.train} for split in definitions.fewer_cell_splits(whole, 0)]
    assert [len(part) for part in families] == [3, 6, 12]
    assert families[0] < families[1] < families[2] < {d.family for d in whole.train}
    for split in definitions.fewer_cell_splits(whole, 0):
        assert split.tests == whole.tests
        assert len(split.train) == 2 * len({d.family for d in split.train})


def test_a_public_graph_file_holds_the_whole_design(tmp_path: Path):
    design = raw.pin_level_design(MANIFEST.parent, "scn4m_2x16")
    item, expected = raw.read_back(tmp_path, design), design_data(design, level=Level.PIN, names=False)
    is_signal = design.graph.rails == 0
    assert np.array_equal(item["rail"].net.numpy(), np.flatnonzero(~is_signal))
    load = expected["net"].y.numpy()[is_signal]
    assert np.allclose(item["net"].y.numpy()[is_signal], np.nan_to_num(load), rtol=1e-5, atol=0)
    for relation in (("pin", "of", "device"), ("pin", "on", "net"), *TARGET_RELATIONS):
        one, other = (part[relation].edge_index.numpy() for part in (item, expected))
        assert np.array_equal(one[:, np.lexsort(one)], other[:, np.lexsort(other)])
    farad = item["pin", "p2n", "net"].y.sum().item()
    assert farad == pytest.approx(expected["pin", "p2n", "net"].y.sum().item(), rel=1e-5)
    assert farad > 0


def row(method: str, seed: int, r2: float | None, design: str = "fpdk45_16x64") -> dict[str, Any]:
    return {
        "split": "size45",
        "design": design,
        "method": method,
        "seed": seed,
        "coupling": {"n": 1000, "r2": r2},
        "by_decade": {"0.1 fF": {"n": 40, "mae_decades": r2}, "worst": r2},
        "training_seconds": 10.0,
    }


def test_page_is_what_the_rows_say():
    rows = [row("ours", 0, 0.96), row("ours", 1, 0.98), row("ours-mse", 0, 0.5), row("trees", 0, 0.90)]
    page = report.benchmark_page(rows, SPLITS)
    assert "| size45 | fpdk45_16x64 | `coupling.r2` | ≥ 0.95 | 0.970 ± 0.014 | yes | trees 0.900 |" in page
    assert "| size45 | fpdk45_16x64 | ours | 2 | 0.970 ± 0.014 | 0.970 ± 0.014 |" in page  # by decade, worst
    assert "## size45" in page
    assert "## port350" not in page
    assert report.summary([row("ours", 0, None)], "coupling.r2") == "–"
    assert "| – |" in report.benchmark_page([row("ours", 0, None)], SPLITS)


def test_a_figure_that_should_be_small():
    figure = definitions.Figure("coupling.below_ceiling", 0.02, at_most=True)
    assert figure.reached(0.01)
    assert not figure.reached(0.03)
    assert definitions.Figure("coupling.r2", 0.9).reached(0.9)


def test_rows_are_stored_and_read_in_order(tmp_path: Path):
    path, order = tmp_path / "rows.json", (*SPLITS, "relation-mean", "trees-structure")
    rows = stored.Rows(path, order)
    rows.add([row("trees-structure", 1, 0.5), row("trees-structure", 0, 0.4)])
    rows.add([row("relation-mean", 0, 0.1), row("trees-structure", 0, 0.6)])
    for found in (rows, stored.Rows(path, order)):
        assert [(r["method"], r["seed"], r["coupling"]["r2"]) for r in found.ordered()] == [
            ("relation-mean", 0, 0.1),
            ("trees-structure", 0, 0.6),
            ("trees-structure", 1, 0.5),
        ]
    assert json.loads(path.read_text())["schema"] == 1
    assert path.read_text().count("\n") == 5  # one row a line
