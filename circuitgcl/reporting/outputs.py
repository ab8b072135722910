"""The files that an estimation is asked for: checked before anything is computed, written all at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from circuitgcl.errors import InputError
from circuitgcl.files import check_output, write_together
from circuitgcl.netlist.reading import design_name
from circuitgcl.parasitics.annotation.writer import annotated_text, simulator_named
from circuitgcl.parasitics.dspf.writer import dspf_text
from circuitgcl.parasitics.spef.writer import spef_text
from circuitgcl.reporting.tables import check_tables, table_files, table_paths

if TYPE_CHECKING:
    from circuitgcl.estimation import Estimate


@dataclass(frozen=True, kw_only=True)
class OutputFiles:
    """Where results go.

    Tables of several netlists share their file. Of the others there is one for each netlist, with the name of
    the design before the suffix: `post.sp` becomes `post.ota_5t.sp`.
    """

    tables: Path | None = None  # .json, .csv or .parquet
    spef: Path | None = None
    dspf: Path | None = None
    annotated: Path | None = None  # copy of the netlist with C cards
    simulator: str | None = None  # that the copy is for; by its dialect when absent

    def check(self, netlists: Sequence[Path]) -> None:
        """Refuse what cannot be written.

        Args:
            netlists: the files that will be estimated.

        Raises:
            InputError: unknown suffix or simulator, no such folder, a missing package, a file that stands for
                two outputs, or an output that is a netlist.
        """
        simulator_named(self.simulator)
        if self.simulator is not None and self.annotated is None:
            raise InputError(f"--simulator {self.simulator} has no effect without --annotate FILE")
        if self.tables is not None:
            check_tables(self.tables)
        per_design = [path for path in (self.spef, self.dspf, self.annotated) if path is not None]
        for path in per_design:
            check_output(path)
        names = [design_name(path) for path in netlists]
        if per_design and len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            first, second = [path for path, name in zip(netlists, names, strict=True) if name == twice][:2]
            raise InputError(
                f"{first} and {second} are both called {twice}, so their outputs would have one name; "
                "expected different names. Estimate them one by one"
            )
        outputs = [] if self.tables is None else table_paths(self.tables)
        outputs += [_path_for(path, name, names) for path in per_design for name in names]
        sources = {path.resolve() for path in netlists}
        seen: set[Path] = set()
        for output in outputs:
            resolved = output.resolve()
            if resolved in sources:
                raise InputError(f"{output} is a netlist to estimate, which is never changed; choose another")
            if resolved in seen:
                raise InputError(f"{output} is asked for twice; expected a file of its own for each output")
            seen.add(resolved)

    def write(self, estimates: Sequence[Estimate]) -> list[Path]:
        """Write everything, or nothing.

        Returns:
            The files written.

        Raises:
            InputError: the netlist is in a language that the simulator does not read.
            NetlistError: a netlist cannot be read again.
            ParasiticsError: a name cannot be written in DSPF.
            DataError: a file cannot be written, or a name or definition does not fit into it.
        """
        contents: dict[Path, str | bytes] = {}
        if self.tables is not None:
            contents |= table_files(estimates, self.tables)
        names = [estimate.design for estimate in estimates]
        for estimate in estimates:
            for path, text_of in self._texts():
                target = _path_for(path, estimate.design, names)
                contents[target] = text_of(estimate, target)
        write_together(contents)
        return list(contents)

    def _texts(self) -> list[tuple[Path, Callable[[Estimate, Path], str]]]:
        """Files of each netlist, and what gives their texts."""

        def annotated(estimate: Estimate, path: Path) -> str:
            return annotated_text(
                estimate.circuit,
                estimate.parasitics,
                path,
                simulator=self.simulator,
                dialect=estimate.dialect,
            )

        kinds: list[tuple[Path | None, Callable[[Estimate, Path], str]]] = [
            (self.spef, lambda estimate, _: spef_text(estimate.parasitics)),
            (self.dspf, lambda estimate, _: dspf_text(estimate.parasitics)),
            (self.annotated, annotated),
        ]
        return [(path, text_of) for path, text_of in kinds if path is not None]


def _path_for(path: Path, design: str, designs: Sequence[str]) -> Path:
    """The file of one design: the path itself where there is only one."""
    return path if len(designs) == 1 else path.with_name(f"{path.stem}.{design}{path.suffix}")
