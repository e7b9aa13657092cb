"""Every check of the contract's black-box list (section 11) has a test."""

from pathlib import Path

from tests.contract import claimed_in

REQUIRED = {str(number) for number in range(1, 65)}


def test_every_check_has_a_test_and_no_test_claims_another() -> None:
    assert claimed_in(Path(__file__).parent) == REQUIRED
