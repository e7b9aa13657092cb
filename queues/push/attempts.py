"""Making an attempt, and deciding what follows from how it went."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import aiohttp

from queues.broker import clock
from queues.broker.clock import micros
from queues.broker.errors import BrokerError
from queues.push import backoff, forwarding, sender
from queues.push.bodies import Outgoing
from queues.push.claims import Open
from queues.push.secrets import Unreadable
from queues.push.sender import Answer, Target
from queues.push.settlements import Settlement, Verdict
from queues.push.types import OVER_HTTP, Kind

T = TypeVar("T")
InThread = Callable[[Callable[[], T]], "asyncio.Future[T]"]

GONE = 410
GONE_REASON = "the receiver answered 410 Gone"
UNSUPPORTED = "not supported by this server"
UNREADABLE = "its signing secret was encrypted under another SECRET_KEY: set a new one"
PAUSE_SECONDS = 30.0


async def make(
    http: aiohttp.ClientSession, in_thread: InThread[Answer], destination: Open, message: Outgoing
) -> Settlement:
    """Send the message once and say what becomes of it."""
    if destination.kind in OVER_HTTP:
        try:
            url = target(destination)
        except Unreadable:
            return decided(destination, message, failed(UNREADABLE))
        return decided(destination, message, await sender.send(http, url, message))
    if destination.kind == Kind.QUEUE:
        try:
            answer = await in_thread(partial(forwarding.forward, destination, message))
        except BrokerError as error:
            answer = failed(str(error) or type(error).__name__)
        return decided(destination, message, answer)
    return Settlement(
        destination, message, Verdict.DONE, answer=failed(f"{destination.kind}: {UNSUPPORTED}"), parks=False
    )


def target(destination: Open) -> Target:
    """Raises Unreadable."""
    signed = destination.config.signed
    keys = sender.usable_keys(destination.secret, destination.old_secret) if signed else ()
    return Target(destination.target, destination.form, destination.config, keys)


def failed(error: str) -> Answer:
    return Answer(at=clock.now(), error=error)


def decided(destination: Open, message: Outgoing, answer: Answer) -> Settlement:
    """Delivered, to be tried again, or given up: in this lane alone, for nobody else does it make the message
    dead."""
    policy = destination.config.retry_policy
    if answer.ok or answer.http_status == GONE or message.attempt >= policy.max_attempts:
        return Settlement(destination, message, Verdict.DONE, answer=answer)
    due_at = backoff.retry_at(policy, message.attempt, answer.at, answer.retry_after)
    return Settlement(
        destination, message, Verdict.RETRY, due_at=due_at, attempts=message.attempt, answer=answer
    )


def not_sent(destination: Open, message: Outgoing) -> Settlement:
    """It was still waiting for its turn: this was no attempt."""
    return Settlement(destination, message, Verdict.RETURN, attempts=message.attempt - 1)


def given_back(destination: Open, message: Outgoing, *, delayed: bool = False) -> Settlement:
    """It may have been sent; nobody waited for the answer."""
    if delayed:
        due_at = clock.now() + micros(PAUSE_SECONDS)
        return Settlement(destination, message, Verdict.RETRY, due_at=due_at, attempts=message.attempt)
    return Settlement(destination, message, Verdict.RETURN, attempts=message.attempt)


def is_gone(settlement: Settlement) -> bool:
    return settlement.answer is not None and settlement.answer.http_status == GONE
