"""What an account holds, for those who ask."""

from __future__ import annotations

from dataclasses import dataclass

from queues.broker import account_sql
from queues.broker.queues import reading
from queues.broker.quotas import CHANNELS


@dataclass(slots=True, frozen=True)
class Usage:
    """What an account holds in its queues and streams, in every state. ``peak_bytes``: the most it ever held
    (okmq.md §8). ``channels``: names in order of creation, by sort (``queues``, ``streams``)."""

    messages: int
    bytes: int
    peak_bytes: int
    channels: dict[str, list[str]]


def account_usage(account_id: int) -> Usage:
    """The account's figures as of now. Raises Unavailable."""
    with reading() as db:
        messages, size, peak = db.rows(account_sql.USAGE, account=account_id)[0]
        names = {
            sort: [row[0] for row in db.rows(channel.names, account=account_id)]
            for sort, channel in CHANNELS.items()
        }
    # Two transactions that stored in the same instant did not see each other: the peak may lag behind them.
    return Usage(messages, size, max(peak, size), names)
