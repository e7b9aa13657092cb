"""The sixth wrong key within a minute from one address is told to wait."""

from __future__ import annotations

import os

import pytest
from django.conf import LazySettings

from accounts import wrong_keys
from accounts.wrong_keys import WrongKeys, client_address

pytestmark = pytest.mark.once

LIMIT = 5


def note(counts: WrongKeys, *instants: float, address: str = "10.0.0.1") -> list[int]:
    return [counts.note(address, LIMIT, now) for now in instants]


def test_the_sixth_within_a_minute_waits_a_minute() -> None:
    counts = WrongKeys()
    assert note(counts, 0, 1, 2, 3, 4) == [0] * 5
    assert note(counts, 5, 5, 35, 64.5) == [60, 60, 30, 1]
    assert note(counts, 65, 66, 67, 68, 69, 70) == [0, 0, 0, 0, 0, 60]


def test_five_a_minute_never_wait() -> None:
    counts = WrongKeys()
    assert not any(note(counts, *(minute * 60 + n for minute in range(5) for n in range(5))))


def test_each_address_is_counted_by_itself() -> None:
    counts = WrongKeys()
    note(counts, *range(6))
    assert note(counts, 6, address="10.0.0.2") == [0]
    assert note(counts, 6) == [59]


def test_an_ipv6_client_is_its_network_and_ipv4_in_ipv6_is_ipv4() -> None:
    counts = WrongKeys()
    note(counts, *range(5), address="2001:db8:1:2::1")
    assert note(counts, 5, address="2001:db8:1:2:ffff::9%eth0") == [60]
    assert note(counts, 5, address="2001:db8:1:3::1") == [0]
    note(counts, *range(5), address="::ffff:10.0.0.9")
    assert note(counts, 5, address="10.0.0.9") == [60]


@pytest.mark.parametrize("address", ["", "unix:", "not an address", "é"])
def test_odd_addresses_are_counted_as_they_are(address: str) -> None:
    counts = WrongKeys()
    assert note(counts, *range(6), address=address)[-1] == 60


def test_memory_is_bounded_and_the_newest_are_remembered() -> None:
    counts = WrongKeys(rows=4)
    size = len(counts._memory)
    for number in range(1000):
        note(counts, number * 0.01, address=f"10.1.{number // 256}.{number % 256}")
    assert len(counts._memory) == size == 4 * wrong_keys.PLACES * 24
    note(counts, *(11 + n for n in range(6)))
    assert note(counts, 20) == [56]


def test_processes_share_the_counts() -> None:
    counts = WrongKeys()
    child = os.fork()
    if not child:
        note(counts, *range(5))
        os._exit(0)
    os.waitpid(child, 0)
    assert note(counts, 5) == [60]


def test_the_address_is_the_connections(settings: LazySettings) -> None:
    settings.OKMQ_TRUST_PROXY_HEADERS = False
    meta = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "1.2.3.4"}
    assert client_address(meta) == "10.0.0.1"


@pytest.mark.parametrize(
    ("header", "address"),
    [
        ("1.2.3.4", "1.2.3.4"),
        ("6.6.6.6, 1.2.3.4", "1.2.3.4"),
        ("1.2.3.4:5678", "1.2.3.4"),
        ("x, [2001:db8::1]:443", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("1.2.3.4,", "10.0.0.1"),
        ("", "10.0.0.1"),
    ],
)
def test_behind_a_trusted_proxy_it_is_what_the_proxy_saw(
    settings: LazySettings, header: str, address: str
) -> None:
    settings.OKMQ_TRUST_PROXY_HEADERS = True
    assert client_address({"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": header}) == address


def test_nobody_waits_when_it_is_turned_off(settings: LazySettings) -> None:
    settings.OKMQ_WRONG_KEYS_PER_MINUTE = 0
    assert [wrong_keys.seconds_to_wait({"REMOTE_ADDR": "10.9.9.9"}) for _ in range(20)] == [0] * 20
