"""When a failed delivery is tried again."""

from __future__ import annotations

import random
import re
from email.utils import parsedate_to_datetime

from queues.broker.clock import SECOND
from queues.broker.types import Micros
from queues.fields import to_micros
from queues.push.types import RetryPolicy

MAX_RETRY_AFTER_SECONDS = 3600
"""A receiver that asks for more gets this."""

HEEDED = (429, 503)
"""Answers whose Retry-After counts."""


def ceiling_ms(policy: RetryPolicy, attempt: int) -> float:
    """The documented backoff after attempt number ``attempt`` (from 1) failed."""
    try:
        delay = policy.initial_backoff_ms * policy.backoff_multiplier ** (attempt - 1)
    except OverflowError:
        return policy.max_backoff_ms
    return min(delay, policy.max_backoff_ms)


def retry_at(policy: RetryPolicy, attempt: int, now: Micros, retry_after: Micros | None) -> Micros:
    """Full jitter: any instant up to the documented backoff, so that what failed together does not come back
    together. Not before ``retry_after``, if the receiver named one."""
    at = now + round(random.uniform(0, ceiling_ms(policy, attempt)) * 1000)
    return at if retry_after is None else max(at, min(retry_after, now + MAX_RETRY_AFTER_SECONDS * SECOND))


def parse_retry_after(text: str | None, now: Micros) -> Micros | None:
    """The instant a Retry-After header names, in seconds from now or as an HTTP date; None for anything
    else."""
    if text is None:
        return None
    text = text.strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return now + int(text) * SECOND
    try:
        moment = parsedate_to_datetime(text)
        return to_micros(moment)
    except (ValueError, TypeError, OverflowError):  # no date, or one without a zone
        return None
