"""Every check of the contract's black-box list (§10) has a test."""

import ast
import re
from pathlib import Path

from tests.contract import checks_of, claimed_in, functions_in

FOLDER = Path(__file__).parent

REQUIRED_HERE: dict[str, range] = {
    "A": range(1, 14),
    "B": range(14, 17),
    "C": range(17, 40),
    "D": range(40, 63),
    "E": range(63, 88),
    "F": range(88, 105),
    "G": range(105, 108),
    "H": range(108, 115),
    "I": range(115, 125),
    "J": range(125, 128),
    "K": range(128, 133),
    "L": range(133, 153),
    "M": range(153, 160),
    "N": range(160, 162),
    "O": range(162, 165),
    "P": range(165, 169),
    "Q": range(169, 170),
}
REQUIRED = {f"{section}{number}" for section, numbers in REQUIRED_HERE.items() for number in numbers}


def _checks_in_docstring(test: ast.FunctionDef) -> set[str]:
    head = (ast.get_docstring(test) or "").split(":")[0]
    return {check.replace(" ", "") for check in re.findall(r"\b[A-Q] \d+\b", head)}


def test_every_required_check_has_a_test() -> None:
    assert sorted(REQUIRED - claimed_in(FOLDER)) == []


def test_every_docstring_names_the_checks_of_its_marker() -> None:
    differing = [
        f"{file}: {test.name}"
        for file, test in functions_in(FOLDER)
        if checks_of(test) != _checks_in_docstring(test)
    ]
    assert differing == []


def test_no_test_claims_a_check_that_does_not_exist() -> None:
    assert sorted(claimed_in(FOLDER) - REQUIRED) == []
