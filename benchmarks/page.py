"""``docs/benchmarks.md`` and its chart, from results.

python benchmarks/page.py                       from the newest full run
python benchmarks/page.py FIRST.json SECOND.json ...    from a run, with what later ones measured again
"""

from __future__ import annotations

import sys
from pathlib import Path

import chart
from generator import HERE
from report import RESULTS, Report

PAGE = HERE.parent / "docs" / "benchmarks.md"
CHART = PAGE.with_suffix(".svg")


def write(report: Report) -> None:
    CHART.write_text(chart.draw(report.figures))
    text = PAGE.read_text()
    for name, lines in (
        ("machine", report.facts()),
        ("peers", report.beside_others()),
        ("figures", report.alone()),
    ):
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        content = "\n".join(lines).strip()
        text = f"{before}{begin}\n\n{content}\n\n{end}{after}"
    PAGE.write_text(text)


def main() -> None:
    paths = [Path(argument) for argument in sys.argv[1:]] or sorted(RESULTS.glob("[0-9]*.json"))[-1:]
    if not paths:
        sys.exit(f"no results in {RESULTS}: run benchmarks/run.py first")
    write(Report.load(paths))
    print(f"{PAGE} and {CHART.name} are of {', '.join(path.name for path in paths)}", file=sys.stderr)


if __name__ == "__main__":
    main()
