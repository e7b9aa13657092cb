"""Column types the engine's tables use."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import models

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def to_datetime(micros: int) -> datetime:
    """The instant ``micros`` microseconds after 1970-01-01 UTC."""
    return EPOCH + timedelta(microseconds=micros)


def to_micros(moment: datetime) -> int:
    """Microseconds from 1970-01-01 UTC to ``moment`` (which must know its zone)."""
    return (moment - EPOCH) // MICROSECOND


if TYPE_CHECKING:
    # To a reader of the models it is just that.
    InstantField = models.DateTimeField
else:

    class InstantField(models.Field):
        """An instant, stored as microseconds since 1970-01-01 UTC, a datetime in Python.

        Both databases compare and index a plain integer alike and without conversion, which the engine's
        statements rely on; the ORM and the console see datetimes.
        """

        def get_internal_type(self) -> str:
            return "BigIntegerField"

        def from_db_value(self, value: int | None, *_: Any) -> datetime | None:
            return None if value is None else to_datetime(value)

        def to_python(self, value: Any) -> Any:
            return to_datetime(value) if isinstance(value, int) else value

        def get_prep_value(self, value: Any) -> Any:
            if isinstance(value, datetime):
                value = to_micros(value)
            return super().get_prep_value(value)
