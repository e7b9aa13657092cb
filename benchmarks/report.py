"""Results on disk: JSON for machines, and the table in ``README.md`` for people."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from figures import Figure
from generator import HERE

RESULTS = HERE / "results"
README = HERE / "README.md"
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
TITLES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


@dataclass
class Report:
    """One run of the benchmarks. ``about``: machine, versions, settings, date; ``seconds``: what each
    scenario took, on each database."""

    about: dict[str, str]
    databases: list[str]
    figures: list[Figure] = field(default_factory=list)
    seconds: dict[str, dict[str, float]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def save(self, name: str) -> Path:
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{name}.json"
        document = {
            "about": self.about,
            "seconds": self.seconds,
            "failures": self.failures,
            "figures": [figure.as_json() for figure in self.figures],
        }
        path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
        return path

    def markdown(self) -> str:
        lines = [f"- {name}: {value}" for name, value in self.about.items()]
        lines += ["", *self._table(), "", *self._misses()]
        lines += [f"- **{failure}**" for failure in self.failures]
        return "\n".join(lines).rstrip() + "\n"

    def put_into_readme(self) -> None:
        before, _, rest = README.read_text().partition(BEGIN)
        _, _, after = rest.partition(END)
        README.write_text(f"{before}{BEGIN}\n\n{self.markdown()}\n{END}{after}")

    def _table(self) -> list[str]:
        titles = [TITLES[database] for database in self.databases]
        lines = [
            "| measured | unit | target | " + " | ".join(titles) + " |",
            "|---|---|---|" + "---|" * len(titles),
        ]
        rows = {(figure.scenario, figure.name): figure.unit for figure in self.figures}
        for (scenario, name), unit in rows.items():
            found = {f.database: f for f in self.figures if (f.scenario, f.name) == (scenario, name)}
            cells = [_cell(found.get(database)) for database in self.databases]
            lines.append(f"| {name} | {unit} | {_targets(list(found.values()))} | {' | '.join(cells)} |")
        return lines

    def _misses(self) -> list[str]:
        with_target = [figure for figure in self.figures if figure.target]
        missed = [figure for figure in with_target if not figure.met]
        lines = [f"Targets met: {len(with_target) - len(missed)} of {len(with_target)}.", ""]
        return lines + [
            f"- missed on {TITLES[f.database]}: {f.name}: {f.text()} {f.unit}, target {_target(f)}"
            for f in missed
        ]


def _cell(figure: Figure | None) -> str:
    if figure is None:
        return "–"
    return f"**{figure.text()} ✗**" if figure.met is False else figure.text()


def _target(figure: Figure) -> str:
    return figure.target.text("") if figure.target else ""


def _targets(figures: list[Figure]) -> str:
    """One target if all databases have the same, else one for each."""
    texts = dict.fromkeys(_target(figure) for figure in figures)
    if len(texts) == 1:
        return next(iter(texts))
    return ", ".join(f"{_target(figure)} ({TITLES[figure.database]})" for figure in figures)
