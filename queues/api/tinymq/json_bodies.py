"""JSON bodies as the original's Go reads them: names of members in any case, and null is as if it were not
there. All else is as strict as in other dialects."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from queues.api import strict_json
from queues.api.problems import BadRequest

T = TypeVar("T")


def read(kind: type[T], content: bytes) -> T:
    """The body as ``kind``, whose fields are lower case. Raises ``BadRequest`` naming the first member that
    does not fit."""
    found = strict_json.decode(content)
    if isinstance(found, dict):
        found = {name.lower(): value for name, value in found.items() if value is not None}
    try:
        return msgspec.convert(found, kind)
    except msgspec.ValidationError as error:
        raise BadRequest(strict_json.field_text(str(error))) from None
