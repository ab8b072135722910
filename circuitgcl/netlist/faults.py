"""Faults that show when a netlist is elaborated: errors, or entries in the list of skipped cards."""

from __future__ import annotations

from circuitgcl.errors import NetlistError, OnError, SourceLocation, shortened
from circuitgcl.netlist.expressions import ExpressionError, NoValueError
from circuitgcl.netlist.records import HIERARCHY_SEPARATOR, CardTable, Netlist, SkippedCard


class Faults:
    """What is wrong with the cards of a netlist.

    A lenient reader lists every fault, a strict one raises it. Both go on without values that nobody can
    know: those of parameters that are defined nowhere, or in a file that was not found, and those that only a
    simulation has. They are listed too.
    """

    def __init__(self, netlist: Netlist) -> None:
        self.is_lenient = netlist.on_error is OnError.SKIP
        self.lacks_files = bool(netlist.missing_files)
        self.skipped_cards: list[SkippedCard] = []
        self._listed: set[SkippedCard] = set()
        self._without_value: list[SkippedCard] = []

    def report(self, text: str, location: SourceLocation, path: tuple[str, ...] = ()) -> None:
        """Raise a fault; list it when lenient.

        Args:
            text: what is wrong.
            location: the statement to blame.
            path: instance names from the top.

        Raises:
            NetlistError: the fault.
        """
        if not self.is_lenient:
            raise NetlistError(text, location=location, instance_path=HIERARCHY_SEPARATOR.join(path))
        self._list(SkippedCard(kind=f"error: {shortened(text)}", location=location))

    def report_card(self, cards: CardTable, position: int, fault: str, path: tuple[str, ...]) -> None:
        """Raise or list what is wrong with a card; the fault is said right behind the card's name."""
        self.report(f"{cards.names[position]}{fault}", cards.location(position), path)

    def report_value(
        self, error: ExpressionError, what: str, location: SourceLocation, path: tuple[str, ...]
    ) -> None:
        """Raise or list that a parameter cannot be evaluated; its value stays absent.

        Args:
            error: the reason.
            what: the card, or the parameter.
            location: its statement.
            path: instance names from the top.

        Raises:
            NetlistError: the expression is wrong.
        """
        if not (self.lacks_files or isinstance(error, NoValueError)):
            self.report(f"{what}: {error}", location, path)
            return
        card = SkippedCard(kind=f"no value: {shortened(str(error))}", location=location)
        if self._list(card):
            self._without_value.append(card)

    def _list(self, card: SkippedCard) -> bool:
        """List a fault; whether it is a new one."""
        is_new = card not in self._listed
        if is_new:
            self._listed.add(card)
            self.skipped_cards.append(card)
        return is_new

    def warnings(self) -> list[str]:
        """What is left open."""
        if not self._without_value:
            return []
        first, count = self._without_value[0], len(self._without_value)
        others = f" and {count - 1:,} more" if count > 1 else ""
        return [
            f"{first.location}: {first.kind.removeprefix('no value: ')}{others}; these values are left open"
        ]
