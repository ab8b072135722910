"""Faults that show when a netlist is elaborated: errors, or entries in the list of skipped cards."""

from __future__ import annotations

from circuitgcl.errors import NetlistError, OnError, SourceLocation, shortened
from circuitgcl.netlist.records import HIERARCHY_SEPARATOR, CardTable, Netlist, SkippedCard


class Faults:
    """What is wrong with the cards of a netlist.

    A lenient reader lists every fault. A strict one raises it, except for values that cannot be known: those
    that come from a file that was not found, or only from a simulation.
    """

    def __init__(self, netlist: Netlist) -> None:
        self.is_lenient = netlist.on_error is OnError.SKIP
        self.lacks_files = bool(netlist.missing_files)
        self.skipped_cards: list[SkippedCard] = []
        self._listed: set[SkippedCard] = set()

    def report(
        self, text: str, location: SourceLocation, path: tuple[str, ...] = (), *, tolerated: bool = False
    ) -> None:
        """Raise a fault, or list it where it is tolerated.

        Args:
            text: what is wrong.
            location: the statement to blame.
            path: instance names from the top.
            tolerated: whether a strict reader goes on as well.

        Raises:
            NetlistError: the fault.
        """
        if not (tolerated or self.is_lenient):
            raise NetlistError(text, location=location, instance_path=HIERARCHY_SEPARATOR.join(path))
        card = SkippedCard(kind=f"error: {shortened(text)}", location=location)
        if card not in self._listed:
            self._listed.add(card)
            self.skipped_cards.append(card)

    def report_card(
        self,
        cards: CardTable,
        position: int,
        fault: str,
        path: tuple[str, ...],
        *,
        tolerated: bool = False,
    ) -> None:
        """Raise or list what is wrong with a card; the fault is said right behind the card's name."""
        self.report(f"{cards.names[position]}{fault}", cards.location(position), path, tolerated=tolerated)
