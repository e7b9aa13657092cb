"""Results: JSON on disk for machines, and Markdown for people."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import comparison
import peer_table
from figures import Figure, Target
from generator import HERE

RESULTS = HERE / "results"
TITLES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


@dataclass
class Report:
    """One run of the benchmarks. ``about``: machine, versions, settings, date; ``seconds``: what each
    scenario took, on each database; ``absent``: peers that are not installed."""

    about: dict[str, str]
    databases: list[str]
    figures: list[Figure] = field(default_factory=list)
    seconds: dict[str, dict[str, float]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)

    @classmethod
    def load(cls, paths: list[Path]) -> Report:
        """The report of a run, with the scenarios that later runs measured again in the place of its own."""
        first, *later = (json.loads(path.read_text()) for path in paths)
        for document in later:
            again = {figure["scenario"] for figure in document["figures"]}
            first["figures"] = [f for f in first["figures"] if f["scenario"] not in again] + document[
                "figures"
            ]
            first["seconds"] |= document["seconds"]
            if comparison.SCENARIO in again:
                first["about"]["peers"] = document["about"]["peers"]
            first["failures"] = [f for f in first["failures"] if f.split(" on ")[0] not in again]
            first["failures"] += document["failures"]
            first["absent"] = document["absent"] if comparison.SCENARIO in again else first["absent"]
            first["about"][f"measured again, {document['about']['date']}"] = ", ".join(sorted(again))
        return cls(
            first["about"], list(TITLES), [_figure(found) for found in first["figures"]], first["seconds"],
            first["failures"], first["absent"],
        )  # fmt: skip

    def save(self, name: str) -> Path:
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{name}.json"
        document = {
            "about": self.about,
            "seconds": self.seconds,
            "failures": self.failures,
            "absent": self.absent,
            "figures": [figure.as_json() for figure in self.figures],
        }
        path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
        return path

    def markdown(self) -> str:
        """Everything: what was measured on, beside others, and alone."""
        return "\n".join([*self.facts(), "", *self.beside_others(), "", *self.alone()]) + "\n"

    def facts(self) -> list[str]:
        return [f"- {name}: {value}" for name, value in self.about.items()]

    def beside_others(self) -> list[str]:
        figures = [figure for figure in self.figures if figure.scenario == comparison.SCENARIO]
        return peer_table.lines(figures, self.absent) if figures or self.absent else []

    def alone(self) -> list[str]:
        lines = [*self._table(), "", *self._misses()]
        return lines + [f"- **{failure}**" for failure in self.failures]

    def _table(self) -> list[str]:
        titles = [TITLES[database] for database in self.databases]
        lines = [
            "| measured | unit | target | " + " | ".join(titles) + " |",
            "|---|---|---|" + "---|" * len(titles),
        ]
        own = [figure for figure in self.figures if figure.scenario != comparison.SCENARIO]
        rows = {(figure.scenario, figure.name): figure.unit for figure in own}
        for (scenario, name), unit in rows.items():
            found = {f.database: f for f in own if (f.scenario, f.name) == (scenario, name)}
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


def _figure(found: dict[str, Any]) -> Figure:
    target = Target(**found["target"]) if found["target"] else None
    return Figure(found["scenario"], found["name"], found["unit"], found["database"], found["values"], target)


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
