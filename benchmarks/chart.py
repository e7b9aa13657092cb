"""The chart of the results: SVG without a library, readable on light and on dark paper."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import comparison
from figures import Figure, number
from peer_table import TITLES

WIDTH = 860
LABEL = 330
BAR, GAP = 18, 6
TITLE = 34
RIGHT = 90

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.title { font-weight: 600; font-size: 15px; }
.ours { fill: #2563eb; } .theirs { fill: #8b949e; } .low { fill: #d97706; }
.mark { stroke: #1f2328; stroke-dasharray: 3 3; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } .ours { fill: #60a5fa; } .theirs { fill: #6e7681; } .low { fill: #fbbf24; }
  .mark { stroke: #e6edf3; }
}
"""

STEADY = ("growth", "retention", "snapshot")
LEAST = 0.9


@dataclass(frozen=True)
class Bar:
    label: str
    value: float
    kind: str
    text: str


@dataclass(frozen=True)
class Panel:
    title: str
    bars: list[Bar]
    mark: float | None = None
    """Where a line is drawn."""


def draw(figures: list[Figure]) -> str:
    panels = [panel for panel in (*_rates(figures), _steady(figures)) if panel.bars]
    body, top = [], 10
    for panel in panels:
        lines, height = _panel(panel, top)
        body += lines
        top += height
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" width="{WIDTH}" height="{top}" '
        f'role="img" aria-label="Benchmarks of OKMQ">\n<style>{STYLE}</style>\n'
        + "\n".join(body)
        + "\n</svg>\n"
    )


def _rates(figures: list[Figure]) -> list[Panel]:
    """Lives a second, a panel for each number of connections and one for batches."""
    panels = []
    for title in (*comparison.LIVES.values(), comparison.BATCHES):
        found = [f for f in figures if f.scenario == comparison.SCENARIO and f.name == title]
        bars = [
            Bar(
                TITLES[f.database],
                f.median,
                "ours" if f.database in comparison.OWN else "theirs",
                number(f.median),
            )
            for f in found
        ]
        panels.append(Panel(f"{title}: lives a second, all on disk (more is better)", bars))
    return panels


def _steady(figures: list[Figure]) -> Panel:
    """Ratios that should stay near 1."""
    found = [f for f in figures if f.scenario in STEADY and f.unit == "x"]
    bars = [
        Bar(f"{f.name} ({f.database})", f.median, "ours" if f.met else "low", number(f.median)) for f in found
    ]
    return Panel("Rate against that of an empty, undisturbed server (the line: 0.9)", bars, LEAST)


def _panel(panel: Panel, top: int) -> tuple[list[str], int]:
    """Its elements, and how high it is. Long labels stand above their bar."""
    most = max(bar.value for bar in panel.bars)
    long = any(len(bar.label) > 45 for bar in panel.bars)
    left = 10 if long else LABEL / 2
    scale = (WIDTH - left - RIGHT) / most
    step = BAR + GAP + (18 if long else 0)
    lines = [f'<text class="title" x="10" y="{top + 18}">{escape(panel.title)}</text>']
    for at, bar in enumerate(panel.bars):
        y = top + TITLE + at * step
        if long:
            lines.append(f'<text x="10" y="{y + 12}">{escape(bar.label)}</text>')
            y += 18
        else:
            lines.append(f'<text x="{left - 8}" y="{y + 13}" text-anchor="end">{escape(bar.label)}</text>')
        width = max(bar.value * scale, 1)
        lines.append(
            f'<rect class="{bar.kind}" x="{left}" y="{y}" width="{width:.1f}" height="{BAR - 2}" rx="2"/>'
        )
        lines.append(f'<text x="{left + width + 6:.1f}" y="{y + 13}">{escape(bar.text)}</text>')
    height = TITLE + len(panel.bars) * step + 16
    if panel.mark is not None:
        x = left + panel.mark * scale
        lines.append(
            f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{top + TITLE - 6}" y2="{top + height - 14}"/>'
        )
    return lines, height
