"""A measured figure, and the target it stands beside."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Target:
    """``at_least`` for rates, ``at_most`` for times, sizes and ratios of costs."""

    at_least: float | None = None
    at_most: float | None = None

    def met(self, value: float) -> bool:
        return (self.at_least is None or value >= self.at_least) and (
            self.at_most is None or value <= self.at_most
        )

    def text(self, unit: str) -> str:
        sign, bound = ("≥", self.at_least) if self.at_least is not None else ("≤", self.at_most)
        return f"{sign} {number(bound or 0)} {unit}".strip()


@dataclass
class Figure:
    """One row of the results: what was measured, in which unit, once for every repetition."""

    scenario: str
    name: str
    unit: str
    database: str
    values: list[float] = field(default_factory=list)
    target: Target | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def met(self) -> bool | None:
        return None if self.target is None else self.target.met(self.median)

    def text(self) -> str:
        """``median (least-most)``."""
        if len(self.values) == 1:
            return number(self.median)
        return f"{number(self.median)} ({number(min(self.values))}–{number(max(self.values))})"

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"median": self.median, "met": self.met}


def number(value: float) -> str:
    """As many digits as the machine's noise leaves meaningful."""
    if value >= 1000:
        return f"{value:,.0f}"
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
