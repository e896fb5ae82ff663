"""A scorecard beside another one of the same targets and scenarios, usually of another seed: is it the same picture?"""

from __future__ import annotations

from .scorecard import Cell, Difference, Repeat, Scorecard, Standing

JUDGED = frozenset({Standing.PASS, Standing.FAIL})


def repeated(card: Scorecard, other: Scorecard) -> Repeat:
    """What the other scorecard says of this one's cells.

    Only cells that both have judged, pass or fail, can agree or differ; the others are counted as untold.
    """
    there = {(each.target, each.scenario): each for each in other.cells}
    pairs = [(each, there.get((each.target, each.scenario))) for each in card.shown]
    both = [(a, b) for a, b in pairs if b is not None and {a.standing, b.standing} <= JUDGED]
    return Repeat(
        seed=other.seed,
        made=other.made,
        cells=len(both),
        same=sum(a.standing is b.standing for a, b in both),
        untold=len(pairs) - len(both),
        differences=[_difference(a, b) for a, b in both if a.standing is not b.standing],
    )


def _difference(here: Cell, there: Cell) -> Difference:
    failed = here if here.standing is Standing.FAIL else there
    return Difference(
        target=here.target,
        scenario=here.scenario,
        here=here.standing,
        there=there.standing,
        broken="; ".join(failed.broken),
        command=there.command,
    )
