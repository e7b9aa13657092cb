"""Where the server may be made to connect to, and where not."""

from __future__ import annotations

import asyncio
import ipaddress
import socket

import aiohttp
import pytest

from queues.push import egress

pytestmark = pytest.mark.once

PRIVATE_HOSTS = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "0.1.2.3",
    "[::]",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:169.254.169.254]",
    "[::127.0.0.1]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::1]",
    "[2002:7f00:1::]",
    "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
    "[fe80::1]",
    "[fec0::1]",
    "[fd00::1]",
    "[fd00:ec2::254]",
    "[ff02::1]",
    "[100::1]",
    "[3fff::1]",
    "[5f00::1]",
    "[2001:db8::1]",
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "169.254.169.254",
    "169.254.0.1",
    "100.100.100.200",
    "100.64.0.1",
    "100.127.255.255",
    "168.63.129.16",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.19.255.255",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "a.localhost",
    "metadata.google.internal",
    "printer.local",
]

MALFORMED = [
    "",
    "http://",
    "http:///path",
    "//example.com/",
    "example.com",
    "/path",
    "http://127.1/",
    "http://2130706433/",
    "http://0x7f.1/",
    "http://0x7f000001/",
    "http://0177.0.0.1/",
    "http://017700000001/",
    "http://127.0.0.1./",
    "http://256.1.1.1/",
    "http://1.2.3.4.5/",
    "http://[fe80::1%25eth0]/",
    "http://[fe80::1%eth0]/",
    "http://[::1/",
    "http://[::g]/",
    "http://[1.2.3.4]/",
    "http://１２７.0.0.1/",
    "http://ⓔxample.com/",
    "http://good@169.254.169.254/",
    "http://user:password@example.com/",
    "http://a\\@b/",
    "http://a\\.example.com/",
    "http://exa\tmple.com/",
    "http://example.com/\r\nX: y",
    "http://example.com/a b",
    " http://example.com/",
    "http://example.com/\n",
    "http://example.com/\0",
    "http://example.com/<x>",
    "http://-.example.com:x/",
    "http://example.com:0/",
    "http://example.com:65536/",
    "http://exam_ple..com/",
    "http://" + "a" * 300 + ".com/",
    "file:///etc/passwd",
    "gopher://example.com/",
    "ftp://example.com/",
    "dict://example.com:11211/",
    "javascript:alert(1)",
    "http://example.com/" + "a" * egress.MAX_URL_LENGTH,
]

FINE = [
    "http://example.com",
    "https://example.com:8443/a/b?c=d&e=%20#f",
    "HTTPS://EXAMPLE.COM/",
    "https://xn--bcher-kva.example/",
    "https://under_score.example.com/",
    "https://example.com./",
    "http://93.184.216.34/",
    "http://[2606:2800:220:1:248:1893:25c8:1946]/",
    "https://3com.example/",
]


@pytest.mark.parametrize("host", PRIVATE_HOSTS)
def test_a_url_that_can_be_seen_to_lead_inside_is_refused(host: str) -> None:
    with pytest.raises(egress.Refused) as refused:
        egress.parse(f"http://{host}/")
    assert not isinstance(refused.value, egress.Malformed)


@pytest.mark.parametrize("url", MALFORMED)
def test_what_is_no_plain_url_is_malformed(url: str) -> None:
    with pytest.raises(egress.Malformed):
        egress.parse(url)


@pytest.mark.parametrize("url", FINE)
def test_public_urls_are_fine(url: str) -> None:
    assert egress.parse(url).hostname


@pytest.mark.parametrize("host", [host.strip("[]") for host in PRIVATE_HOSTS if host[-1] in "]0123456789"])
def test_private_addresses_are_not_public(host: str) -> None:
    assert not egress.is_public(ipaddress.ip_address(host))


def test_an_operator_permits_networks(settings: object) -> None:
    settings.OKMQ_EGRESS_ALLOW = ["127.0.0.0/8", "fd00::/16"]  # type: ignore[attr-defined]
    for fine in ("127.0.0.1", "[::ffff:127.0.0.1]", "[fd00::1]", "localhost"):
        egress.parse(f"http://{fine}/")
    for refused in ("10.0.0.1", "[::1]", "[fd01::1]", "169.254.169.254"):
        with pytest.raises(egress.Refused):
            egress.parse(f"http://{refused}/")
    with pytest.raises(egress.Malformed):
        egress.parse("http://127.1/")


class Answers:
    """A name server that gives each answer once, the last one for ever."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    def __call__(self, host: str, port: int, *_: object, **__: object) -> list[tuple[object, ...]]:
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        found: list[tuple[object, ...]] = []
        for address in addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            sockaddr = (address, port, 0, 0) if ":" in address else (address, port)
            found.append((family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", sockaddr))
        return found


def connected(url: str, monkeypatch: pytest.MonkeyPatch, answers: Answers | None = None) -> list[str]:
    """Addresses that were about to be connected to for ``url``: none of them is reached."""
    about_to: list[str] = []

    async def no_connect(self: object, sock: socket.socket, address: tuple[str, int]) -> None:
        about_to.append(address[0])
        raise ConnectionRefusedError("as far as it goes")

    async def get() -> None:
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(type(loop), "sock_connect", no_connect)
        if answers is not None:
            monkeypatch.setattr(socket, "getaddrinfo", answers)
        async with aiohttp.ClientSession(connector=egress.connector(), trust_env=False) as session:
            await session.get(url, allow_redirects=False)

    with pytest.raises(aiohttp.ClientError):
        asyncio.run(get())
    return about_to


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:10.0.0.1]", "169.254.169.254"])
def test_an_address_in_a_url_is_looked_at_when_it_is_connected(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert connected(f"http://{host}:1/", monkeypatch) == []


def test_a_name_that_stands_for_something_inside_is_not_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    """However it came to: by an address record or by a canonical name."""
    assert connected("http://example.com/", monkeypatch, Answers(["10.0.0.1", "fd00::1"])) == []


def test_of_mixed_answers_only_public_ones_are_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    mixed = Answers(["10.0.0.1", "93.184.216.34", "::ffff:127.0.0.1"])
    assert set(connected("http://example.com/", monkeypatch, mixed)) == {"93.184.216.34"}


def test_a_name_is_asked_anew_for_each_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """First public, when it was looked at, then private, when it is connected."""
    changing = Answers(["93.184.216.34"], ["127.0.0.1"])
    assert connected("http://example.com/", monkeypatch, changing) == ["93.184.216.34"]
    assert connected("http://example.com/", monkeypatch, changing) == []


def test_a_name_whose_addresses_change_is_refused_in_plain_words() -> None:
    info = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("10.0.0.1", 80))
    with pytest.raises(egress.RefusedAddress, match=r"10\.0\.0\.1"):
        egress.open_socket(info)
