"""Where this server may connect to on a user's word, and the connector that connects nowhere else.

A destination's URL is user input that makes the server open a connection. What counts is the address that is
connected, each time: a name that pointed somewhere harmless when it was registered may point inside by now.
So the check sits where the socket is opened, and the connection goes to exactly the address it passed.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any
from urllib.parse import SplitResult, urlsplit

import aiohttp
from django.conf import settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LOOK_UP_SECONDS = 3.0
_looking_up = ThreadPoolExecutor(4, "okmq-look-up")
"""Nothing can hurry a resolver: those who ask are let go in time, and slow names hold these threads only."""

SCHEMES = ("http", "https")
MAX_URL_LENGTH = 8_000

# What Python 3.11 calls global and is not, or may lead inside: translations of IPv4 addresses, shared and
# benchmark ranges, the platform address of one cloud.
REFUSED_NETWORKS: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8", "100.64.0.0/10", "168.63.129.16/32", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15",
        "224.0.0.0/4", "240.0.0.0/4",
        "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/32", "2002::/16", "3fff::/20",
        "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
    )
)  # fmt: skip

# Printable ASCII, less what browsers and libraries read in different ways.
_URL = re.compile(r"[!-~]+")
_AMBIGUOUS = re.compile(r'[\\<>"^`{|}]')
# Ends in a number, so that somebody might read it as an IPv4 address: 127.1, 0x7f.1, 017700000001,
# 2130706433.
_NUMERIC_HOST = re.compile(r"(.*\.)?(0[xX][0-9a-fA-F]*|[0-9]+)\.?")
_DOTTED_QUAD = re.compile(r"(0|[1-9][0-9]{0,2})(\.(0|[1-9][0-9]{0,2})){3}")
_HOST_NAME = re.compile(r"(?=.{1,254}$)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
_INSIDE_NAMES = ("localhost", "local", "internal", "localdomain", "home.arpa")


class Refused(Exception):
    """Why not, in words for the owner of the destination."""


class Malformed(Refused):
    """It is no URL that anybody should connect to, whatever addresses are permitted."""


def parse(url: str) -> SplitResult:
    """The parts of a URL that may be stored. Raises Malformed for what is no plain http(s) URL, and Refused
    for one that can be seen to lead inside without asking anybody."""
    if not url or len(url) > MAX_URL_LENGTH:
        raise Malformed(f"must have 1 to {MAX_URL_LENGTH} characters")
    if not _URL.fullmatch(url) or _AMBIGUOUS.search(url):
        raise Malformed("must be printable ASCII without blanks, backslashes or brackets of other kinds")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Malformed(f"is not a URL: {error}") from error
    if parts.scheme not in SCHEMES:
        raise Malformed("must begin with http:// or https://")
    if "@" in parts.netloc:
        raise Malformed("must not contain a user name or password")
    if not parts.hostname:
        raise Malformed("must name a host")
    if port == 0:
        raise Malformed("must name a port from 1 to 65535")
    _check_host(parts.netloc, parts.hostname)
    return parts


def _check_host(netloc: str, host: str) -> None:
    if netloc.startswith("["):
        if "%" in host:
            raise Malformed("must not name a network interface")
        try:
            address: Address = ipaddress.IPv6Address(host)
        except ValueError as error:
            raise Malformed(f"is not a URL: {error}") from error
        check(address)
    elif _DOTTED_QUAD.fullmatch(host) and all(int(part) < 256 for part in host.split(".")):
        check(ipaddress.IPv4Address(host))
    elif _NUMERIC_HOST.fullmatch(host):
        raise Malformed("must write an address as four decimal numbers with dots between")
    elif not _HOST_NAME.fullmatch(host):
        raise Malformed("must name a host by letters, digits, hyphens and dots")
    elif _is_inside_name(host) and not _allowed():
        raise Refused(f"leads to {host}, a name of an internal network")


def _is_inside_name(host: str) -> bool:
    name = host.rstrip(".").lower()
    return any(name == inside or name.endswith(f".{inside}") for inside in _INSIDE_NAMES)


def look_up(url: str) -> None:
    """Ask what the name in ``url`` stands for just now. Raises Malformed; Refused if it is nothing, or
    nothing that may be connected. Waits ``LOOK_UP_SECONDS`` at the most. It says nothing of tomorrow: what
    decides is the address that is connected."""
    parts = parse(url)
    try:
        addresses = _looking_up.submit(resolve, parts.hostname or "").result(LOOK_UP_SECONDS)
    except (OSError, UnicodeError, TimeoutError) as error:
        raise Refused(f"names {parts.hostname}, which cannot be found") from error
    refusals = [refusal for text in addresses if (refusal := _refusal(text))]
    if len(refusals) == len(addresses):
        raise refusals[0] if refusals else Refused(f"names {parts.hostname}, which has no address")


def resolve(host: str) -> list[str]:
    """The addresses a name stands for. Raises OSError."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [str(info[4][0]).partition("%")[0] for info in found]


def _refusal(text: str) -> Refused | None:
    try:
        check(ipaddress.ip_address(text))
    except Refused as refused:
        return refused
    return None


def check(address: Address) -> None:
    """Raises Refused unless the address is public or an operator permits it (``OKMQ_EGRESS_ALLOW``)."""
    plain = _unwrapped(address)
    if any(plain.version == network.version and plain in network for network in _allowed()):
        return
    if not is_public(plain):
        raise Refused(f"leads to {address}, which is not a public address")


def is_public(address: Address) -> bool:
    address = _unwrapped(address)
    if any(address.version == network.version and address in network for network in REFUSED_NETWORKS):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _unwrapped(address: Address) -> Address:
    """::ffff:127.0.0.1 connects to 127.0.0.1."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _allowed() -> tuple[Network, ...]:
    return _networks(tuple(settings.OKMQ_EGRESS_ALLOW))


@lru_cache(maxsize=8)
def _networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


class RefusedAddress(OSError):
    """The address that was to be connected is none of those that may be."""


def open_socket(info: aiohttp.AddrInfoType) -> socket.socket:
    """A socket for the address in ``info``: aiohttp asks for one right before it connects to it, whether it
    stood in the URL or a name was resolved. Of a name that means several, those that are refused are passed
    over. Raises RefusedAddress."""
    family, kind, protocol, _, sockaddr = info
    try:
        check(ipaddress.ip_address(str(sockaddr[0]).partition("%")[0]))
    except Refused as error:
        raise RefusedAddress(str(error)) from error
    return socket.socket(family, kind, protocol)


def connector(**options: Any) -> aiohttp.TCPConnector:
    """Pools connections, opens them nowhere else. Host header and TLS name stay those of the URL. Names are
    asked anew for each connection."""
    return aiohttp.TCPConnector(socket_factory=open_socket, use_dns_cache=False, **options)
