"""Every check of the contract's black-box list has a test. 49 to 52 are the original's own console's."""

from pathlib import Path

from tests.contract import claimed_in

REQUIRED = {str(number) for number in range(1, 55) if not 49 <= number <= 52}


def test_every_check_has_a_test_and_no_test_claims_another() -> None:
    assert claimed_in(Path(__file__).parent) == REQUIRED
