"""A queue's settings in plain words."""

from __future__ import annotations

from okmq_site.console.tags import duration
from queues.broker.types import ExpiryAction, QueueSettings, RetryStrategy


def settings_sentence(settings: QueueSettings) -> str:
    """``5 attempts, 30 s lease, exponential 5 s to 5 min, kept 1 h.``"""
    if settings.auto_ack:
        parts = ["acknowledged as soon as it is handed out"]
    else:
        attempts = f"{settings.max_attempts} attempt{'s' if settings.max_attempts != 1 else ''}"
        parts = [attempts, f"{duration(settings.lease_seconds)} lease"]
        if settings.max_attempts > 1:
            parts.append(retry_words(settings.retry))
    parts.append(
        "kept for ever" if settings.ttl_seconds is None else f"kept {duration(settings.ttl_seconds)}"
    )
    return ", ".join(parts) + "."


def fate_sentences(settings: QueueSettings) -> list[str]:
    """What becomes of a message in the end, a sentence each."""
    found = [_of_the_acked(settings)]
    if settings.drop_dead:
        found.append("Messages out of attempts are deleted.")
    elif settings.dead_letter_queue is not None:
        found.append(f"Messages out of attempts move to the queue {settings.dead_letter_queue}.")
    else:
        found.append(
            "Messages out of attempts stay here as dead letters"
            + (", whatever their age." if settings.preserve_failed else ".")
        )
    if settings.ttl_seconds is not None:
        if settings.preserve_pending:
            found.append("What was not handled yet does not expire.")
        elif settings.on_expiry is ExpiryAction.DEAD_LETTER:
            found.append("What expires without having been handled becomes a dead letter.")
        else:
            found.append("What expires is deleted.")
    return found


def _of_the_acked(settings: QueueSettings) -> str:
    if settings.auto_delete:
        return "Acknowledged messages are deleted."
    if settings.retention_seconds is not None:
        return f"Acknowledged messages are kept {duration(settings.retention_seconds)}."
    return "Acknowledged messages stay until they expire."


def retry_words(retry: RetryStrategy) -> str:
    if retry.type == "none":
        return "retried at once"
    if retry.type == "list":
        return "retried after " + ", ".join(duration(delay) for delay in retry.delays)
    if retry.type == "fixed" or retry.max_delay is None:
        return f"{retry.type} {duration(retry.base_delay)} between attempts"
    return f"{retry.type} {duration(retry.base_delay)} to {duration(retry.max_delay)}"
