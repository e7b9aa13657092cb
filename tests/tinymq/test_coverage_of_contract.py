"""Every check of the contract's black-box list (section B) has a test."""

from pathlib import Path

from tests.contract import claimed_in

REQUIRED = {str(number) for number in range(1, 54)}


def test_every_check_has_a_test_and_none_is_made_up() -> None:
    claimed = claimed_in(Path(__file__).parent)
    assert sorted(REQUIRED - claimed, key=int) == []
    assert sorted(claimed - REQUIRED) == []
