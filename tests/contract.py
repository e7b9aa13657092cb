"""Which checks of a contract the tests in a folder claim: the arguments of ``@pytest.mark.contract(...)``."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path


def functions_in(folder: Path) -> Iterator[tuple[str, ast.FunctionDef]]:
    """The test functions of the folder's modules, each with the name of its file."""
    for path in sorted(folder.glob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield path.name, node


def checks_of(test: ast.FunctionDef) -> set[str]:
    return {
        str(argument.value)
        for decorator in test.decorator_list
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.contract"
        for argument in decorator.args
        if isinstance(argument, ast.Constant)
    }


def claimed_in(folder: Path) -> set[str]:
    return {check for _, test in functions_in(folder) for check in checks_of(test)}
