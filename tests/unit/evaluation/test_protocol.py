"""The strict protocol: the same scores as `evaluate`, and what is known of a pair whatever the method."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from circuitgcl.data import Design, load_design, synthetic_array
from circuitgcl.data.pair_tables import FARAD_PER_FEMTO, PairTable
from circuitgcl.estimation import Predictor
from circuitgcl.evaluation import evaluate
from circuitgcl.evaluation.protocol import (
    DesignEstimate,
    Knowledge,
    ScoredRows,
    by_decade,
    context_groups,
    context_keys,
    knowledge,
    model_estimate,
    scored_rows,
    scores,
    twin_scores,
)
from circuitgcl.models.checkpoint import load_model
from circuitgcl.models.scaling import TargetScale

SCALE = TargetScale.named("wide")


@pytest.fixture(scope="module")
def designs(tmp_path_factory: pytest.TempPathFactory) -> list[Design]:
    """A small and a larger array; in the larger one two nets couple that meet nowhere."""
    folder = tmp_path_factory.mktemp("arrays")
    small, large = synthetic_array(2, 2), synthetic_array(3, 4)
    files = large.write(folder)
    assert files.extracted is not None
    text = files.extracted.read_text().replace(".ends", "cfar dout[0] xcore/xbit_r2_c3/q 5e-16\n.ends")
    files.extracted.write_text(text)
    return [load_design(small.write(folder)), load_design(files)]


def exact(table: PairTable) -> DesignEstimate:
    """An estimate that is the truth."""
    labels = table.design.labels
    assert labels is not None
    return DesignEstimate(
        coupling_farad=table.truth_ff * FARAD_PER_FEMTO,
        probability=(table.truth_ff[: table.candidates] > 0.01).astype(float),
        load_farad=np.nan_to_num(labels.load_farad),
    )


def test_scores_are_those_of_evaluate(tiny_model: Path, designs: list[Design]):
    predictor = Predictor(load_model(tiny_model), "cpu")
    for design in designs:
        table = PairTable(design)
        rows = scored_rows(table, model_estimate(predictor, table), np.zeros(0, np.uint64), SCALE)
        found, expected = scores(rows), evaluate(predictor, design)
        for name in ("coupling_class", "ground_class"):
            assert found[name] == expected[name]
        for name in ("coupling", "existence", "net_load"):
            shared = expected[name].keys() & found[name].keys()
            assert len(shared) >= 2
            assert {k: found[name][k] for k in shared} == pytest.approx(
                {k: expected[name][k] for k in shared}, abs=1e-4
            )
        assert found["intervals"] == expected["intervals"]["0.8"]
        assert found["net_load_intervals"] == expected["net_load_intervals"]["0.8"]


def test_the_truth_scores_full_marks(designs: list[Design]):
    table = PairTable(designs[1])
    found = scores(scored_rows(table, exact(table), np.zeros(0, np.uint64), SCALE))
    assert found["coupling"]["r2"] == found["coupling"]["within_x1_5"] == 1.0
    assert found["existence"]["average_precision"] == pytest.approx(1.0, abs=0.01)  # one pair is no candidate
    assert found["net_load"]["within_x1_25"] == found["ground_class"]["macro_f1"] == 1.0
    assert found["coupling_class"]["macro_f1"] == found["coupling_class"]["accuracy"] == 1.0
    assert found["net_load"]["bias_decades"] == 0.0
    assert found["intervals"] == {"coverage": None, "width_decades": None}
    parts = found["by_knowledge"].values()
    assert sum(part["n"] for part in parts) == found["coupling"]["n"]
    assert sum(part["n"] for part in found["by_relation"].values()) == found["coupling"]["n"]


def test_what_is_known_depends_on_the_training_designs(designs: list[Design]):
    small, large = map(PairTable, designs)
    stranger = len(large.pair) - 1
    nothing = knowledge(large, context_keys([]))
    assert set(nothing[:-1].tolist()) == {int(Knowledge.UNKNOWN)}
    assert nothing[stranger] == Knowledge.NONE
    assert (knowledge(large, context_keys([large.design]))[:-1] == Knowledge.KNOWN).all()
    found = knowledge(large, context_keys([small.design]))
    names = large.graph.circuit.net_names()
    pairs = [{names[a], names[b]} for a, b in large.pair.tolist()]
    inside = {"xcore/xbit_r1_c1/q", "xcore/xbit_r1_c1/nq"}
    assert found[pairs.index(inside)] == Knowledge.KNOWN
    contexts = large.graph.contexts
    row = pairs.index({"bl[0]", "bl[2]"})  # two columns apart: no array of two columns has such a context
    own = contexts.key_exact[contexts.occurrence_context[contexts.occurrence_pair == row]]
    assert (found[row] == Knowledge.KNOWN) == np.isin(own, small.graph.contexts.key_exact).any()


def test_groups_are_pairs_of_equal_contexts(designs: list[Design]):
    table = PairTable(designs[1])
    groups = context_groups(table)
    contexts = table.graph.contexts
    bags: dict[int, set[tuple[int, ...]]] = {}
    for row in range(table.candidates):
        own = contexts.occurrence_context[contexts.occurrence_pair == row]
        bags.setdefault(int(groups[row]), set()).add(tuple(sorted(contexts.key_exact[own].tolist())))
    assert all(len(bag) == 1 for bag in bags.values())
    assert len(bags) == len({next(iter(bag)) for bag in bags.values()})


def test_twins_are_pairs_whose_contexts_are_labelled(designs: list[Design]):
    """What is wrong about pairs without a labelled twin does not count; among twins all of it does."""
    table = PairTable(designs[1])
    group = context_groups(table)
    above = table.truth_ff > 0.01
    twice = [g for g in np.unique(group[above]) if (above & (group == g)).sum() > 1]
    one, other = (np.flatnonzero(above & (group == g))[0] for g in (twice[0], twice[1]))
    labelled = np.array([g for g in np.unique(group) if g != group[other]])
    for wrong, is_seen in ((one, True), (other, False)):
        estimate = exact(table)
        estimate.coupling_farad[wrong] *= 2.0
        rows = scored_rows(table, estimate, np.zeros(0, np.uint64), SCALE)
        found = twin_scores(rows, labelled)
        assert found["n"] == (above & np.isin(group, labelled)).sum()
        assert (found["r2"] < 1.0) == is_seen
        assert found["below_ceiling"] == pytest.approx(found["ceiling_r2"] - found["r2"], abs=1e-4)


def test_only_judged_pairs_are_scored(designs: list[Design]):
    table = PairTable(designs[1])
    judged = np.zeros(len(table.pair), bool)
    judged[table.label_row[:5]] = True
    rows = scored_rows(table, exact(table), np.zeros(0, np.uint64), SCALE, judged)
    assert len(rows.truth) == 5
    assert len(rows.ranking) == table.candidates


def test_designs_are_scored_as_one(designs: list[Design]):
    tables = [PairTable(design) for design in designs]
    rows = [scored_rows(t, exact(t), np.zeros(0, np.uint64), SCALE) for t in tables]
    joined = ScoredRows.joined(rows)
    assert np.array_equal(joined.truth, np.concatenate([r.truth for r in rows]))
    assert joined.interval.shape == (2, len(joined.truth))
    assert scores(joined)["coupling"]["n"] == sum(scores(r)["coupling"]["n"] for r in rows)
    assert scores(ScoredRows.joined(rows[:1])) == scores(rows[0])


def test_error_by_decade_by_hand():
    truth = np.array([0.02, 0.05, 0.5] + [3.0] * 40) * FARAD_PER_FEMTO
    estimate = np.array([0.2, 0.05, 0.5] + [6.0] * 40) * FARAD_PER_FEMTO
    found = by_decade(truth, estimate)
    assert found["0.01 fF"] == {"n": 2, "mae_decades": 0.5}
    assert found["0.1 fF"] == {"n": 1, "mae_decades": 0.0}
    assert found["1 fF"] == {"n": 40, "mae_decades": pytest.approx(np.log10(2), abs=1e-4)}
    assert found["worst"] == found["1 fF"]["mae_decades"]  # two pairs are too few to be called the worst


def test_unknown_labels_are_not_scored(designs: list[Design]):
    """A hidden coupling is neither a truth nor an absence."""
    labels = designs[0].labels
    assert labels is not None
    farad = labels.coupling_farad.copy()
    farad[0] = np.nan
    table = PairTable(replace(designs[0], labels=replace(labels, coupling_farad=farad)))
    whole = PairTable(designs[0])
    hidden, full = (
        scores(scored_rows(t, exact(whole), np.zeros(0, np.uint64), SCALE)) for t in (table, whole)
    )
    assert hidden["coupling"]["n"] == full["coupling"]["n"] - 1
