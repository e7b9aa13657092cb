"""Texts that may come from anywhere and are looked up in the database."""

from __future__ import annotations


def storable(text: str) -> bool:
    """Whether a database could hold ``text`` at all. PostgreSQL refuses NUL and neither takes a lone
    surrogate, in look-ups too: such a text matches nothing, and must not become an error."""
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def cleaned(text: str) -> str:
    """``text`` as a database can hold it: what it cannot is replaced."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()
