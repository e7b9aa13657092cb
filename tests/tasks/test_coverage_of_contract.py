"""Every check of the contract's black-box list (tasks.md B) has a test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract import claimed_in

REQUIRED = {str(number) for number in range(1, 63)}


@pytest.mark.once
def test_every_required_check_has_a_test() -> None:
    assert sorted(REQUIRED - claimed_in(Path(__file__).parent)) == []


@pytest.mark.once
def test_no_test_claims_a_check_that_does_not_exist() -> None:
    assert claimed_in(Path(__file__).parent) <= REQUIRED
