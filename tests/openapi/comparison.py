"""A generated document held against a contract's own, fact by fact; differences are listed with reasons."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from .facts import facts_of

ABSENT = "absent"


class Difference(NamedTuple):
    """``where`` is a regular expression for a fact's whole name; every entry has to be true of some fact."""

    reason: str
    where: str
    theirs: Any
    ours: Any

    def allows(self, name: str, theirs: Any, ours: Any) -> bool:
        return (
            re.fullmatch(self.where, name) is not None
            and _same(self.theirs, theirs)
            and _same(self.ours, ours)
        )


def assert_same_but_for(
    differences: Sequence[Difference], contract: dict[str, Any], generated: dict[str, Any]
) -> None:
    """Both documents promise the same, but for the differences, of which none is superfluous."""
    theirs_by_name, ours_by_name = facts_of(contract), facts_of(generated)
    unexplained, used = [], set()
    for name in sorted(theirs_by_name.keys() | ours_by_name.keys()):
        theirs, ours = theirs_by_name.get(name, ABSENT), ours_by_name.get(name, ABSENT)
        if _same(theirs, ours):
            continue
        fitting = [at for at, entry in enumerate(differences) if entry.allows(name, theirs, ours)]
        used.update(fitting)
        if not fitting:
            unexplained.append(f"{name}: {theirs!r} in the contract, {ours!r} here")
    assert not unexplained, "\n".join(unexplained)
    assert [entry for at, entry in enumerate(differences) if at not in used] == []


def _same(one: Any, other: Any) -> bool:
    """True is not 1 here."""
    return type(one) is type(other) and bool(one == other)
