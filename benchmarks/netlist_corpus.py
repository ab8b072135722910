"""What becomes of every file of a folder of netlists: read, refused with a place, or worse.

    python benchmarks/netlist_corpus.py [FOLDER] [--only GLOB] [--lenient] [-o FILE.json]

Each file is read and flattened in a child process with a time limit. Four outcomes are told apart:

- *read*: a flat circuit came out;
- *located*: refused with an error that begins with the path of a file, and the line where there is one;
- *unlocated*: refused on purpose, but the message does not say where;
- *uncaught* or *hang*: a bug.

The first table counts them by collection (the first folder below FOLDER), the second groups the reasons of
located errors with one example each, and every bug is listed by name. The exit status is 1 when there is one.
Without FOLDER the example netlists of this repository are read.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from netlist_peers.workers import answers
from rich.console import Console
from rich.markup import escape
from rich.table import Table

EXAMPLES = Path(__file__).resolve().parents[1] / "netlists"
KINDS = ("read", "located", "unlocated", "uncaught", "hang")
_PLACE = re.compile(r"(?P<path>.+?)(?::\d+)?(?: \([^)]*\))?: (?P<reason>.*)", re.DOTALL)
_DETAILS = re.compile(
    r"'[^']*'|\"[^\"]*\"|\S*[\d_/\\<\[!#$*=&.][^\s;,]*"
)  # names, numbers and texts of one file


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one file."""

    path: str  # below the folder
    kind: str
    message: str = ""  # of an error
    seconds: float = 0.0
    devices: int = 0
    nets: int = 0
    skipped_cards: int = 0
    warnings: int = 0

    @property
    def collection(self) -> str:
        """First folder of the path."""
        return Path(self.path).parts[0] if len(Path(self.path).parts) > 1 else "."


def read_and_flatten(question: tuple[Path, bool]) -> Outcome:
    """Outcome of one file, read leniently or not; runs in a child process."""
    from circuitgcl.errors import CircuitGCLError
    from circuitgcl.netlist import flatten, read_netlist

    path, lenient = question
    start = time.perf_counter()
    try:
        circuit = flatten(read_netlist(path, on_error="skip" if lenient else "raise"))
    except CircuitGCLError as error:
        kind = "located" if reason_of(str(error)) else "unlocated"
        return Outcome(path=str(path), kind=kind, message=str(error), seconds=time.perf_counter() - start)
    return Outcome(
        path=str(path),
        kind="read",
        seconds=time.perf_counter() - start,
        devices=circuit.device_count,
        nets=circuit.net_count,
        skipped_cards=len(circuit.skipped_cards),
        warnings=len(circuit.warnings),
    )


def reason_of(message: str, folder: Path = Path()) -> str:
    """Text of an error behind its place, or nothing when it does not begin with the path of a file.

    Args:
        message: the error.
        folder: where relative paths begin.
    """
    match = _PLACE.fullmatch(message)
    while match is not None:
        if (folder / match["path"]).exists():
            return match["reason"]
        match = _PLACE.fullmatch(message, match.end("path") + 1)
    return ""


def reason_class(reason: str) -> str:
    """Reason of an error with the details of the one file taken out."""
    reason = re.split(r"[;.](?=\s|$)", reason)[0]
    return re.sub(r"(… ?)+", "… ", _DETAILS.sub("…", reason)).strip()[:90]


def outcomes(folder: Path, *, only: str, lenient: bool, timeout_s: float, processes: int) -> list[Outcome]:
    """Outcome of every file below a folder whose relative path matches."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    paths = [path for path in paths if fnmatch.fnmatch(str(path.relative_to(folder)), only)]
    found = []
    questions = [(path, lenient) for path in paths]
    replies = answers(read_and_flatten, questions, timeout_s=timeout_s, processes=processes)
    for path, reply in zip(paths, replies, strict=True):
        name = str(path.relative_to(folder))
        if reply.failure:
            kind = "hang" if reply.failure == "hang" else "uncaught"
            seconds = timeout_s if kind == "hang" else 0.0
            found.append(Outcome(path=name, kind=kind, message=reply.failure, seconds=seconds))
        else:
            message = reply.value.message.replace(f"{folder}/", "")
            found.append(Outcome(**asdict(reply.value) | {"path": name, "message": message}))
    return found


def _collection_table(found: Iterable[Outcome]) -> Table:
    groups: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in found:
        groups[outcome.collection].append(outcome)
    everything = [outcome for group in groups.values() for outcome in group]
    table = Table(title="Outcome by collection", caption="seconds: sum, and the slowest file")
    table.add_column("collection", no_wrap=True)
    for name in ("files", *KINDS, "devices", "s", "slowest s"):
        table.add_column(name, justify="right")
    for name, group in [*sorted(groups.items()), ("all", everything)]:
        counts = Counter(outcome.kind for outcome in group)
        seconds = [outcome.seconds for outcome in group]
        table.add_row(
            name,
            str(len(group)),
            *(str(counts[kind]) for kind in KINDS),
            f"{sum(outcome.devices for outcome in group):,}",
            f"{sum(seconds):.1f}",
            f"{max(seconds, default=0.0):.2f}",
            style="bold" if name == "all" else "",
        )
    return table


def _reason_table(found: Iterable[Outcome], folder: Path) -> Table:
    groups: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for outcome in found:
        if outcome.kind in ("located", "unlocated"):
            reason = reason_of(outcome.message, folder) or outcome.message
            groups[reason_class(reason)].append((Path(outcome.path).name, reason))
    table = Table(title="Reasons given")
    table.add_column("files", justify="right")
    table.add_column("reason")
    table.add_column("for example", overflow="fold")
    for reason, group in sorted(groups.items(), key=lambda item: -len(item[1])):
        name, text = group[0]
        table.add_row(str(len(group)), escape(reason), escape(f"{name}: {text[:150]}"))
    return table


def main(words: Sequence[str] | None = None) -> int:
    """Read everything, print the tables, write the file; 1 when a file hit a bug."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=EXAMPLES, help="folder of netlists")
    parser.add_argument("--only", metavar="GLOB", default="*", help="files whose path below FOLDER matches")
    parser.add_argument("--lenient", action="store_true", help="skip statements that cannot be read")
    parser.add_argument("--timeout", type=float, default=20.0, help="seconds for one file")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.json", help="write every outcome there")
    options = parser.parse_args(words)
    console = Console(width=None if sys.stdout.isatty() else 180)
    found = outcomes(
        options.folder,
        only=options.only,
        lenient=options.lenient,
        timeout_s=options.timeout,
        processes=options.processes,
    )
    console.print(_collection_table(found))
    console.print(_reason_table(found, options.folder))
    bugs = [outcome for outcome in found if outcome.kind in ("uncaught", "hang")]
    for bug in bugs:
        last = bug.message.strip().splitlines()[-1]
        console.print(f"[red]{bug.kind}[/red] {escape(bug.path)}: {escape(last)}", soft_wrap=True)
    if options.output:
        rows = [asdict(outcome) | {"collection": outcome.collection} for outcome in found]
        options.output.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return int(bool(bugs))


if __name__ == "__main__":
    sys.exit(main())
