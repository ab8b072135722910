"""Every kind of fault is found where it was put, and good designs are left alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from circuitgcl.data import build_data_set, synthetic_array
from circuitgcl.data.findings import CheckReport, Finding, FindingKind
from circuitgcl.data.label_check import check_labels
from circuitgcl.errors import DataError

SIZES = ((6, 5), (5, 6), (7, 4))
Change = Callable[[str], str]
Check = Callable[..., CheckReport]

CARD = re.compile(r"^(C\S*) (\S+) (\S+) (\S+)$", re.M)


def farads(text: str, change: Callable[[str, str, float], float]) -> str:
    """The extraction with every value replaced."""
    return CARD.sub(lambda m: f"{m[1]} {m[2]} {m[3]} {change(m[2], m[3], float(m[4]))!r}", text)


def renamed(text: str, names: dict[str, str]) -> str:
    """The extraction with nets called otherwise."""
    return CARD.sub(lambda m: f"{m[1]} {names.get(m[2], m[2])} {names.get(m[3], m[3])} {m[4]}", text)


def cards_of(text: str) -> list[tuple[str, str, float]]:
    return [(m[2], m[3], float(m[4])) for m in CARD.finditer(text)]


@pytest.fixture
def manifest(tmp_path: Path) -> Callable[..., Path]:
    """A manifest of arrays, the extraction of the first changed."""

    def write(
        change: Change = lambda text: text, sizes: Iterable[tuple[int, int]] = SIZES, more: str = ""
    ) -> Path:
        lines = []
        for number, (rows, columns) in enumerate(sizes):
            files = synthetic_array(rows, columns).write(tmp_path)
            assert files.extracted is not None
            if not number:
                files.extracted.write_text(change(files.extracted.read_text()))
            lines.append(
                f'[[design]]\nname = "d{number}"\nfamily = "f{number}"\n'
                f'schematic = "{files.schematic.name}"\nextracted = "{files.extracted.name}"\n'
                'technology = "synthetic"\n'
            )
        path = tmp_path / "all.toml"
        path.write_text("".join(lines) + more)
        return path

    return write


@pytest.fixture
def check(manifest: Callable[..., Path]) -> Check:
    return lambda *arguments, **options: check_labels(manifest(*arguments, **options))


def the(report: CheckReport, kind: FindingKind) -> Finding:
    """The only finding, of this kind, in the first design."""
    assert [finding.kind for finding in report.findings] == [kind], report.findings
    (finding,) = report.findings
    assert finding.design == "d0"
    assert "\n" not in finding.message
    return finding


def test_good_designs_have_no_finding(check: Check):
    report = check()
    assert (report.designs, report.findings, report.notes) == (3, (), ())
    assert report.to_dict()["findings"] == []


@pytest.mark.parametrize(
    ("factor", "said"), [(1e3, "10^3 too large"), (1e-3, "10^3 too small"), (1e-6, "10^6 too small")]
)
def test_unit_slips(factor: float, said: str, check: Check):
    finding = the(check(lambda text: farads(text, lambda a, b, farad: farad * factor)), FindingKind.UNIT_SLIP)
    assert said in finding.message
    assert finding.location.path.endswith("synthetic_6x5_s0.pex.sp")


@pytest.mark.parametrize("factor", [1e3, 1e-3])
def test_unit_slip_of_a_design_alone(factor: float, check: Check):
    report = check(lambda text: farads(text, lambda a, b, farad: farad * factor), sizes=SIZES[:1])
    assert "wires have between" in the(report, FindingKind.UNIT_SLIP).message
    assert report.notes  # names cannot be checked


@pytest.mark.parametrize("factor", [3.0, 0.3])
def test_a_corner_is_no_unit_slip(factor: float, check: Check):
    assert not check(lambda text: farads(text, lambda a, b, farad: farad * factor)).findings


def kept_in_ground(text: str) -> str:
    """Coupling of every net added to its ground capacitance, and kept."""
    total: dict[str, float] = {}
    for a, b, farad in cards_of(text):
        for net, other in ((a, b), (b, a)):
            if "0" not in (net, other):
                total[net] = total.get(net, 0.0) + farad
    grounded = {net for pair in cards_of(text) if "0" in pair[:2] for net in pair[:2]}
    more = [
        f"Cmore{n} {net} 0 {farad!r}" for n, (net, farad) in enumerate(total.items()) if net not in grounded
    ]
    text = farads(text, lambda a, b, farad: farad + total.get(b if a == "0" else a, 0.0) * ("0" in (a, b)))
    return text.replace(".ends", "\n".join([*more, ".ends"]))


def test_coupling_moved_to_ground_and_kept(check: Check):
    finding = the(check(kept_in_ground), FindingKind.DOUBLE_COUNTING)
    assert "coupling was added to ground and kept" in finding.message


def test_couplings_moved_as_cards_of_their_own(check: Check):
    def moved(text: str) -> str:
        more = [
            f"Cm{n}{end} {net} 0 {farad!r}"
            for n, (a, b, farad) in enumerate(cards_of(text))
            for end, net in enumerate((a, b))
            if "0" not in (a, b)
        ]
        return text.replace(".ends", "\n".join([*more, ".ends"]))

    kinds = {finding.kind for finding in check(moved).findings}
    assert kinds == {FindingKind.DOUBLE_COUNTING}


def test_couplings_listed_twice(check: Check):
    def doubled(text: str) -> str:
        lines = [
            f"Cx{n} {a} {b} {farad!r}" for n, (a, b, farad) in enumerate(cards_of(text)) if "0" not in (a, b)
        ]
        return text.replace(".ends", "\n".join([*lines, ".ends"]))

    finding = the(check(doubled), FindingKind.DOUBLE_COUNTING)
    text = doubled(synthetic_array(6, 5).extraction_text)
    assert "repeat an earlier one" in finding.message
    assert text.splitlines()[finding.location.line - 1].startswith("Cx")


def test_no_ground_capacitance(check: Check):
    def bare(text: str) -> str:
        return re.sub(r"(?m)^C\S* (\S+ 0|0 \S+|\S+ (vdd|gnd)|(vdd|gnd) \S+) .*\n", "", text)

    finding = the(check(bare), FindingKind.ZERO_GROUND)
    assert "the extractor wrote none, which is not zero" in finding.message


def test_a_rail_taken_for_the_substrate(check: Check):
    """Without the cards to node 0 the reader takes the rail that is called like ground."""
    report = check(lambda text: re.sub(r"(?m)^C\S* (\S+ 0|0 \S+) .*\n", "", text))
    assert 'say ground = ["gnd"]' in the(report, FindingKind.ZERO_GROUND).message


def test_ground_capacitance_to_rails_only(check: Check):
    report = check(lambda text: re.sub(r"(?m)^C\S* (\S+ (0|gnd)|(0|gnd) \S+) .*\n", "", text))
    assert "only to rails" in the(report, FindingKind.ZERO_GROUND).message


def test_negative_values_are_located(check: Check):
    finding = check(lambda text: re.sub(r"(?m)^C9 .*$", "C9 bl[0] br[0] -1f", text)).findings[0]
    assert finding.kind in (FindingKind.UNREADABLE, FindingKind.NEGATIVE)
    assert finding.location.path.endswith(".pex.sp")
    assert finding.location.line > 0


def test_self_coupling(check: Check):
    finding = the(
        check(lambda text: text.replace(".ends", "Cself wl[1] wl[1] 3f\n.ends")), FindingKind.SELF_COUPLING
    )
    assert finding.location.line == len(synthetic_array(6, 5).extraction_text.splitlines())
    assert "1 capacitor has both ends on one node" in finding.message


def test_unannotated_nets(check: Check):
    report = check(lambda text: renamed(text, {"wl[2]": "mystery", "bl[1]": "riddle"}))
    found = {finding.kind: finding for finding in report.findings}
    assert set(found) <= {FindingKind.UNANNOTATED, FindingKind.UNMATCHED}
    assert set(found[FindingKind.UNANNOTATED].nets) == {"wl[2]", "bl[1]"}
    assert "2 of" in found[FindingKind.UNANNOTATED].message


def test_unreadable_designs_are_findings_and_the_others_are_checked(check: Check):
    report = check(lambda text: text.replace(".ends", "C a b\n.ends"))
    finding = the(report, FindingKind.UNREADABLE)
    assert finding.location.line == len(synthetic_array(6, 5).extraction_text.splitlines())
    assert report.designs == 3


@pytest.mark.parametrize(
    "pair",
    [
        ("wl[1]", "bl[2]"),
        ("xdriver_1/mid", "xdriver_4/mid"),
        ("br[1]", "xcore/xbit_r5_c4/nq"),
        ("xcore/xbit_r2_c2/q", "wl[3]"),
        ("dout[0]", "row[2]"),
    ],
)
def test_swapped_names(pair: tuple[str, str], check: Check):
    a, b = pair
    finding = the(check(lambda text: renamed(text, {a: b, b: a})), FindingKind.SWAPPED_NAMES)
    assert set(finding.nets) == set(pair)
    text = renamed(synthetic_array(6, 5).extraction_text, {a: b, b: a})
    line = text.splitlines()[finding.location.line - 1]
    assert finding.nets[0] in line.split()


def test_a_label_of_no_other_net(check: Check):
    """A net whose couplings go to far nets it has nothing to do with, and to nobody else."""
    net = "xcore/xbit_r0_c0/q"

    def scattered(text: str) -> str:
        kept = [line for line in text.splitlines() if net not in line.split()]
        far = [f"Cfar{n} {net} xcore/xbit_r{n}_c4/nq 0.4f" for n in range(2, 6)]
        return "\n".join([*kept[:-1], *far, kept[-1], ""])

    report = check(scattered)
    assert any(f.kind is FindingKind.DISAGREEING and f.nets == (net,) for f in report.findings)


def test_one_circuit_in_two_families(manifest: Callable[..., Path], tmp_path: Path):
    slow = farads(synthetic_array(6, 5).extraction_text, lambda a, b, farad: farad * 1.1)
    (tmp_path / "slow.pex.sp").write_text(slow)
    more = (
        '[[design]]\nname = "again"\nfamily = "other"\ntechnology = "synthetic"\n'
        'schematic = "synthetic_6x5_s0.sp"\nextracted = "slow.pex.sp"\n'
    )
    finding = the(check_labels(manifest(more=more)), FindingKind.DUPLICATE_CIRCUIT)
    assert "d0, again are one circuit in 2 families" in finding.message


def test_one_extraction_twice(manifest: Callable[..., Path], tmp_path: Path):
    text = synthetic_array(6, 5).extraction_text
    (tmp_path / "copy.pex.sp").write_text("* a copy\n" + "\n".join(["", *text.splitlines(), ""]))
    more = (
        '[[design]]\nname = "copy"\nfamily = "other"\ntechnology = "synthetic"\n'
        'schematic = "synthetic_6x5_s0.sp"\nextracted = "copy.pex.sp"\n'
    )
    report = check_labels(manifest(more=more))
    finding = the(report, FindingKind.DUPLICATE_EXTRACTION)
    assert "2 families (f0, other) have the same capacitances" in finding.message


def test_a_built_data_set_is_checked_like_its_manifest(manifest: Callable[..., Path], tmp_path: Path):
    path = manifest(lambda text: renamed(text, {"wl[1]": "bl[2]", "bl[2]": "wl[1]"}))
    build_data_set(path, tmp_path / "set")
    assert check_labels(tmp_path / "set").to_dict() == check_labels(path).to_dict()
    extraction = tmp_path / "synthetic_6x5_s0.pex.sp"
    extraction.write_text(extraction.read_text() + "* changed\n")
    report = check_labels(tmp_path / "set")
    finding = the(report, FindingKind.SWAPPED_NAMES)
    assert finding.location.line == 0
    assert "1 designs are gone or have changed" in report.notes[0]


def test_damaged_data_sets_are_errors(manifest: Callable[..., Path], tmp_path: Path):
    build_data_set(manifest(), tmp_path / "set")
    stored = next((tmp_path / "set" / "designs").iterdir())
    content = bytearray(stored.read_bytes())
    content[-1] ^= 1
    stored.write_bytes(content)
    with pytest.raises(DataError, match="checksum"):
        check_labels(tmp_path / "set")


def test_good_openram_designs_have_no_finding(tmp_path: Path):
    """Small real blocks of two technologies; the whole manifest is checked in `benchmarks/data_sets.py`."""
    folder = Path(__file__).parents[3] / "netlists" / "openram"
    entries = (folder / "manifest.toml").read_text().split("[[design]]")[1:]
    small = [e for e in entries if re.search(r'name = "(fpdk45_2x16|scn4m_4x16)', e)]
    text = "[[design]]".join(["", *small])
    path = tmp_path / "m.toml"
    path.write_text(re.sub(r'(schematic|extracted) = "', rf'\1 = "{folder}/', text))
    report = check_labels(path)
    assert report.designs > 25
    assert report.findings == ()
