"""Our reading of real netlists against ngspice's own expansion and KLayout's reader, deck by deck.

    python benchmarks/netlist_oracles.py [FOLDER] [--only GLOB] [--oracle ngspice|klayout] [--lenient]

ngspice (where it is installed): every deck it can expand, with its pins, nets, model, W, L, m, nf and R, C, L
values; `netlist_peers/ngspice.py` says how decks that lack models are completed in a temporary copy. KLayout
(`pip install klayout`): which devices exist and which terminals share nets, for every deck its reader takes.
Cells that nobody instantiates are compared each on their own.

A deck is *equal* when nothing differs, *explained* when every difference has a known reason that is not a
mistake of our reader (the table names it), *different* otherwise, and *refused* where ours gives an error.
With `--lenient` ours goes on past statements it cannot read, files that are absent among them, so that fewer
decks are refused. The exit status is 1 when a deck is different. FOLDER is never written to. Without it the
examples of this repository are compared.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import re
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path

from netlist_corpus import reason_class
from netlist_peers.comparison import (
    Comparison,
    Kind,
    NgspiceRules,
    compare_with_klayout,
    compare_with_ngspice,
)
from netlist_peers.deck_text import scan, text_of
from netlist_peers.klayout_reader import klayout_view
from netlist_peers.ngspice import NGSPICE, Expansion, expand, neutral_copy, place_in_copy, write_without_title
from netlist_peers.views import CircuitView, Question, by_name, our_view
from netlist_peers.workers import Answer, answers
from rich.console import Console
from rich.markup import escape
from rich.table import Table

EXAMPLES = Path(__file__).resolve().parents[1] / "netlists"
VERDICTS = ("equal", "explained", "different", "refused")
Tops = tuple[str | None, ...]  # cells of one deck; `None` for what the file itself instantiates
Pair = tuple[CircuitView, Comparison]
_MAX_TOPS = 400
_ERROR_DETAILS = re.compile(r" in \S+, line| in Netlist|(?<=[a-z]) here\b|\[|: ")
_DOLLAR_DATA = re.compile(r"\s\$(?:\[|\w+\s*=)")


@dataclass(slots=True, kw_only=True)
class Verdict:
    """One deck against one oracle."""

    oracle: str
    path: str
    mode: str = ""  # rules ngspice applied
    verdict: str = ""
    circuits: int = 0
    devices: int = 0  # known to both
    kinds: dict[str, int] = field(default_factory=dict)  # findings by kind
    details: list[str] = field(default_factory=list)

    @property
    def collection(self) -> str:
        """First folder of the path."""
        return Path(self.path).parts[0] if len(Path(self.path).parts) > 1 else "."


def _judged(oracle: str, path: str, pairs: Sequence[Pair], mode: str = "") -> Verdict:
    """Verdict over all circuits of a deck; those that ours refused do not count as compared."""
    made = [comparison for view, comparison in pairs if not view.error]
    kinds: Counter[str] = Counter()
    details = []
    for view, comparison in pairs:
        if view.error:
            details.append(f"{view.top or 'main'}: refused: {view.error}")
            continue
        kinds.update(comparison.kinds)
        details += [
            f"{view.top}: {item.kind}: {item.device}: {item.detail}" for item in comparison.findings[:40]
        ]
    details.sort(key=lambda line: f": {Kind.DIFFERENCE}: " not in line)
    refused = len(made) < len(pairs)
    verdict = (
        "different" if kinds[Kind.DIFFERENCE] else "refused" if refused else "explained" if kinds else "equal"
    )
    return Verdict(
        oracle=oracle,
        path=path,
        mode=mode,
        verdict=verdict,
        circuits=len(made),
        devices=sum(comparison.compared for comparison in made),
        kinds=dict(kinds),
        details=details[:200],
    )


def _replies(
    handler: Callable[[Question], list[CircuitView]],
    paths: Sequence[Path],
    tops: Sequence[Tops],
    options: argparse.Namespace,
) -> Iterator[Answer]:
    questions = [
        Question(path=path, tops=chosen, lenient=options.lenient)
        for path, chosen in zip(paths, tops, strict=True)
    ]
    return answers(handler, questions, timeout_s=options.timeout, processes=options.processes)


def _our_views(
    paths: Sequence[Path], tops: Sequence[Tops], options: argparse.Namespace
) -> list[list[CircuitView]]:
    found = []
    for chosen, reply in zip(tops, _replies(our_view, paths, tops, options), strict=True):
        if reply.failure:
            error = reply.failure.strip().splitlines()[-1]
            found.append([CircuitView(top=top or "", error=error) for top in chosen])
        else:
            found.append(reply.value)
    return found


def against_ngspice(
    folder: Path, copy: Path, names: Sequence[Path], options: argparse.Namespace
) -> tuple[list[Verdict], Counter[str]]:
    """Verdict of every deck that ngspice expands, and why it does not expand the others."""

    def run(name: Path) -> Expansion:
        return expand(copy / place_in_copy(name), options.ngspice_timeout)

    with ThreadPoolExecutor(options.processes) as pool:
        expansions = list(pool.map(run, names))
    usable = [(name, found) for name, found in zip(names, expansions, strict=True) if not found.error]
    reasons = Counter(_oracle_reason(found.error) for found in expansions if found.error)
    views = _our_views([folder / name for name, _ in usable], [found.tops for _, found in usable], options)
    verdicts = []
    for (name, expansion), circuits in zip(usable, views, strict=True):
        has_dollar_data = bool(_DOLLAR_DATA.search(text_of(folder / name)))
        pairs: list[Pair] = []
        for place, view in enumerate(circuits):
            rules = NgspiceRules(
                scale=expansion.scale,
                title_device=expansion.title.split()[0].lower() if expansion.title else "",
                globals=frozenset(view.globals),
                has_dollar_data=has_dollar_data,
            )
            theirs = expansion.below(place)
            pairs.append((view, compare_with_ngspice(by_name(view.devices), theirs, rules)))
        verdicts.append(_judged("ngspice", str(name), pairs, expansion.mode or "own"))
    return verdicts, reasons


def against_klayout(
    folder: Path, copy: Path, names: Sequence[Path], options: argparse.Namespace
) -> tuple[list[Verdict], Counter[str]]:
    """Verdict of every deck that KLayout reads, and why it does not read the others."""
    decks = [write_without_title(copy / place_in_copy(name)) for name in names]
    tops: list[Tops] = []
    for deck in decks:
        found = scan(deck)
        tops.append((None,) if found.has_main_cards else tuple(found.roots[:_MAX_TOPS]))
    replies = list(_replies(klayout_view, decks, tops, options))
    ours = _our_views([folder / name for name in names], tops, options)
    verdicts = []
    reasons: Counter[str] = Counter()
    for name, reply, circuits in zip(names, replies, ours, strict=True):
        theirs: list[CircuitView] = reply.value or []
        if reply.failure or all(view.error for view in theirs):
            error = "hang or crash" if reply.failure else theirs[0].error if theirs else "no circuit"
            reasons[_oracle_reason(error)] += 1
            continue
        pairs = [
            (view, compare_with_klayout(view.devices, other.devices))
            for view, other in zip(circuits, theirs, strict=True)
            if not other.error
        ]
        verdicts.append(_judged("klayout", str(name), pairs))
    return verdicts, reasons


def _oracle_reason(error: str) -> str:
    """Why an oracle refused a deck, without the details of the deck."""
    first = re.split(
        r" in \S+, line| in Netlist|(?<=[a-z]) here\b|\[|: (?!\w+: )", error.removeprefix("Error: ")
    )[0]
    return re.sub(r"'[^']*'|\"[^\"]*\"", "…", first)[:80]


def _refusals(verdicts: Sequence[Verdict]) -> Counter[str]:
    """Why ours refused decks that the oracle took."""
    reasons: Counter[str] = Counter()
    for item in verdicts:
        refused = [line.partition(": refused: ")[2] for line in item.details if ": refused: " in line]
        if refused and item.verdict == "refused":
            reasons[reason_class(re.sub(r"^.*?:\d+(?: \([^)]*\))?: ", "", refused[0]))] += 1
    return reasons


def _collection_table(title: str, verdicts: Sequence[Verdict]) -> Table:
    groups: dict[str, list[Verdict]] = defaultdict(list)
    for item in verdicts:
        groups[item.collection].append(item)
    table = Table(title=title)
    table.add_column("collection", no_wrap=True)
    for name in ("decks", "circuits", "devices compared", *VERDICTS):
        table.add_column(name, justify="right")
    for name, group in [*sorted(groups.items()), ("all", list(verdicts))]:
        counts = Counter(item.verdict for item in group)
        table.add_row(
            name,
            str(len(group)),
            str(sum(item.circuits for item in group)),
            f"{sum(item.devices for item in group):,}",
            *(str(counts[verdict]) for verdict in VERDICTS),
            style="bold" if name == "all" else "",
        )
    return table


def _deck_table(title: str, verdicts: Sequence[Verdict], *, everything: bool) -> Table:
    table = Table(title=title)
    table.add_column("deck", overflow="fold")
    for name in ("rules", "circuits", "devices"):
        table.add_column(name, justify="right")
    table.add_column("verdict")
    table.add_column("findings", overflow="fold")
    for item in verdicts:
        if everything or item.verdict != "equal":
            findings = "; ".join(f"{count} × {kind}" for kind, count in item.kinds.items())
            if item.verdict == "refused":
                reason = next(line for line in item.details if ": refused: " in line)
                findings = "; ".join(filter(None, (findings, re.sub(r"\S*/", "", reason)[:140])))
            counts = (str(item.circuits), f"{item.devices:,}")
            table.add_row(escape(item.path), item.mode, *counts, item.verdict, escape(findings))
    return table


def _netlists(folder: Path, only: str) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and fnmatch.fnmatch(str(name), only):
            yield name


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=EXAMPLES, help="folder of netlists")
    parser.add_argument("--only", metavar="GLOB", default="*", help="files whose path below FOLDER matches")
    parser.add_argument("--oracle", choices=("ngspice", "klayout"), help="only this one")
    parser.add_argument("--lenient", action="store_true", help="let ours skip what it cannot read")
    parser.add_argument("--all", action="store_true", help="list equal decks too")
    parser.add_argument(
        "--details", type=int, default=0, metavar="N", help="N findings of every different deck"
    )
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds for one deck")
    parser.add_argument("--ngspice-timeout", type=float, default=120.0, help="seconds for one run of ngspice")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.json", help="write every verdict there")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """Compare everything, print the tables, write the file; 1 when a deck differs."""
    options = _arguments(words)
    console = Console(width=None if sys.stdout.isatty() else 180)
    names = list(_netlists(options.folder, options.only))
    everything: list[Verdict] = []
    available = {"ngspice": NGSPICE is not None, "klayout": find_spec("klayout") is not None}
    for oracle, compare in (("ngspice", against_ngspice), ("klayout", against_klayout)):
        if options.oracle not in (None, oracle):
            continue
        if not available[oracle]:
            console.print(f"{oracle} is not installed")
            continue
        with tempfile.TemporaryDirectory() as scratch:
            neutral_copy(options.folder, Path(scratch))
            verdicts, reasons = compare(options.folder, Path(scratch), names, options)
        console.print(_deck_table(f"Decks against {oracle}", verdicts, everything=options.all))
        console.print(_collection_table(f"Summary against {oracle}", verdicts))
        for reason, count in _refusals(verdicts).most_common():
            console.print(escape(f"{count} decks refused by ours: {reason}"), soft_wrap=True)
        for reason, count in reasons.most_common():
            console.print(escape(f"{count} files not compared: {reason}"), soft_wrap=True)
        for item in verdicts:
            if item.verdict == "different" and options.details:
                console.print(f"[bold]{escape(item.path)}")
                for line in item.details[: options.details]:
                    console.print(f"    {escape(line)}", soft_wrap=True)
        everything += verdicts
    if options.output:
        options.output.write_text(
            json.dumps([asdict(item) for item in everything], indent=1) + "\n", encoding="utf-8"
        )
    return int(any(item.verdict == "different" for item in everything))


if __name__ == "__main__":
    sys.exit(main())
