"""The table of this server beside others, and in words where they are faster."""

from __future__ import annotations

import comparison
from comparison import BATCHES, CLIENT, LIVES, MEMORY, OWN, OWN_DURABILITY, P50, P99
from figures import Figure, number
from peer_servers import PEERS
from server import POSTGRESQL, SQLITE

TITLES = {SQLITE: "OKMQ on SQLite", POSTGRESQL: "OKMQ on PostgreSQL"} | {
    name: peer.title for name, peer in PEERS.items()
}
DURABILITY = OWN_DURABILITY | {name: peer.durability for name, peer in PEERS.items()}
MEASURE = POSTGRESQL
"""Whose rates the ratios are against."""

NOTABLY = 1.1
HEAD = [
    "| server | on disk | lives c=1 | c=8 | c=32 | batches, c=8 | p50 / p99, ms | memory, MB | client |",
    "|---|---|---|---|---|---|---|---|---|",
]


def lines(figures: list[Figure], absent: list[str]) -> list[str]:
    """Markdown. Rates have their ratio to OKMQ's on PostgreSQL behind them."""
    found = {(figure.database, figure.name): figure for figure in figures}
    rows = [_row(name, found) for name in (*OWN, *PEERS) if (name, BATCHES) in found]
    rows += [f"| {TITLES[name]} | not installed |{' – |' * 7}" for name in absent]
    notes = [
        f"- a batch in {TITLES[name]}: {peer.batches}" for name, peer in PEERS.items() if name not in absent
    ]
    return [*HEAD, *rows, "", *notes, "", *_faster(found)]


def _row(name: str, found: dict[tuple[str, str], Figure]) -> str:
    def rate(title: str) -> str:
        value, ours = found[name, title].median, found[MEASURE, title].median
        return number(value) if name == MEASURE else f"{number(value)} ({number(value / ours)}x)"

    cells = [
        TITLES[name],
        DURABILITY[name],
        *(rate(title) for title in (*LIVES.values(), BATCHES)),
        f"{number(found[name, P50].median)} / {number(found[name, P99].median)}",
        number(found[name, MEMORY].median),
        number(found[name, CLIENT].median),
    ]
    return f"| {' | '.join(cells)} |"


def _faster(found: dict[tuple[str, str], Figure]) -> list[str]:
    """Where others do better than OKMQ does on either database."""
    said = []
    for name in PEERS:
        better = []
        for title, unit in comparison.UNITS.items():
            if (name, title) not in found or title == CLIENT:
                continue
            theirs = found[name, title].median
            ours = [found[own, title].median for own in OWN]
            ratio = theirs / max(ours) if unit == "lives/s" else min(ours) / theirs
            if ratio > NOTABLY:
                better.append(f"{title} ({number(ratio)}x)")
        if better:
            said.append(f"- {TITLES[name]} does better than OKMQ on either database: {'; '.join(better)}.")
    return said
