"""The engine: what a queue does, in dialect-free terms. The only code that changes a message.

Dialects call the functions below and translate. They may be called from any thread, must not be called
inside a database transaction of the caller's, and raise ``queues.broker.errors``.

    create_queue(account_id, name, *, settings, topics=(), kind="worker",
                 description="", internal=False) -> QueueInfo              QueueExists, QuotaExceeded
    ensure_queues(account_id, {name: settings}) -> None            those that do not exist  QuotaExceeded
    get_queue(account_id, name) -> QueueInfo                                             QueueNotFound
    list_queues(account_id) -> list[QueueInfo]                     in order of creation
    names_beginning(account_id, prefix) -> list[str]               in order of creation
    directory.page(account_id, *, name_part="", kind=None, paused=None, sort=Sort.CREATED,
                   descending=False, limit, skip=0) -> QueuePage           with their QueueStats
    update_queue(account_id, name, *, settings=None, topics=None, description=None) -> QueueInfo
                                                                        QueueNotFound, InvalidSettings
        settings: a function of the old QueueSettings giving the new ones, applied atomically
    delete_queue(account_id, name) -> None                                               QueueNotFound
    queue_name(account_id, queue_id) -> str                                              QueueNotFound
    pause_queue / resume_queue(account_id, name) -> QueueInfo                            QueueNotFound

    follow(account_id, queue, follower) -> None      copies from now on                  QueueNotFound
    followers_of(account_id, queue) -> list[str]                                         QueueNotFound

    publish(account_id, queue, messages, *, once=None) -> list[Published]  QueueNotFound, QuotaExceeded
        once: a key and for how long; the same call again is ignored       QueueFull
    publish_topic(account_id, topic, messages) -> None                    TopicNotFound, QuotaExceeded
    receive(account_id, queue, *, limit=1, tag="", wait_seconds=0, auto_ack=False,
            lease_seconds=None, consumer="", gone=None, await_queue=False) -> list[Received]
                                                                           QueueNotFound, QuotaExceeded
        gone: called before a parked receiver claims; True = its client hung up, hand out nothing
        await_queue: wait for a queue that does not exist, too
    receive_matching(account_id, prefix, place, **options) -> (queue, list[Received])    QueueNotFound
        from any queue whose name begins so; waits at the queue ``place``
    broadcast(account_id, queue, message, *, once=None) -> bool   to those who wait now  QueueNotFound

    settle(account_id, queue, settlements) -> list[Outcome]                              QueueNotFound
    give_back(account_id, queue, message, *, to="") -> None                              QueueNotFound
        the message anew, as its holder has it, at the end of the queue

    get_message(account_id, queue, public_id) -> MessageView           QueueNotFound, MessageNotFound
    get_messages(account_id, queue, public_ids) -> {id: MessageView}                     QueueNotFound
    peek(account_id, queue, *, state=None, tag="", limit=10, skip=0) -> list[MessageView]  QueueNotFound
    page(account_id, queue, which, *, limit, skip=0) -> MessagePage     with a total     QueueNotFound
    read_log(account_id, queue, first, *, limit) -> list[MessageView]   by offset        QueueNotFound
        of many large messages each of the three raises                                  PageTooLarge
    log_ends(account_id, queue) -> (lowest, highest offset)                              QueueNotFound
    stats(account_id, queue, *, tag="") -> QueueStats                                    QueueNotFound
    delete_messages(account_id, queue, *, ids=None, state=None, tag="") -> int           QueueNotFound
    clear(account_id, queue) -> int              all that waits or is held               QueueNotFound
    replay(account_id, queue, *, ids=None, tag="", any_state=False, keep_attempts=False) -> int
        dead -> pending; any_state: whatever does not wait already
    move_ready(account_id, source, to) -> int                   ready, as new ones       QueueNotFound
                                                                                         QueueFull

    account_usage(account_id) -> Usage      what the account holds in queues and streams

Any of them may raise Unavailable. Beside them, for dialects and the console, in modules of their own:

    letters         dead letters: find, groups, preview, replay, purge, replay_edited, jobs
    timeline        timeline(account_id, queue, public_id): the life of a message
    series          of_queue, of_account: figures over time
    audit_log       entries: who did what (audit: who acts, and recording it)
    beats           workers: which there are, and what they have in hand
"""

from queues.broker import neighbours  # noqa: F401  (tells and hears other processes)
from queues.broker.account import Usage, account_usage
from queues.broker.broadcasts import broadcast
from queues.broker.browse import get_message, get_messages, log_ends, page, peek, read_log, stats
from queues.broker.bulk import clear, delete_messages, replay
from queues.broker.errors import (
    BrokerError,
    InvalidSettings,
    MessageNotFound,
    PageTooLarge,
    QueueExists,
    QueueFull,
    QueueNotFound,
    QuotaExceeded,
    ShuttingDown,
    TopicNotFound,
    Unavailable,
)
from queues.broker.followers import follow, followers_of
from queues.broker.give_back import give_back
from queues.broker.moves import move_ready
from queues.broker.patterns import receive_matching
from queues.broker.publish import publish, publish_topic
from queues.broker.queues import (
    create_queue,
    delete_queue,
    ensure_queues,
    get_queue,
    list_queues,
    names_beginning,
    pause_queue,
    queue_name,
    resume_queue,
    update_queue,
)
from queues.broker.receive import receive
from queues.broker.settle import settle

__all__ = [
    "BrokerError",
    "InvalidSettings",
    "MessageNotFound",
    "PageTooLarge",
    "QueueExists",
    "QueueFull",
    "QueueNotFound",
    "QuotaExceeded",
    "ShuttingDown",
    "TopicNotFound",
    "Unavailable",
    "Usage",
    "account_usage",
    "broadcast",
    "clear",
    "create_queue",
    "delete_messages",
    "delete_queue",
    "ensure_queues",
    "follow",
    "followers_of",
    "get_message",
    "get_messages",
    "get_queue",
    "give_back",
    "list_queues",
    "log_ends",
    "move_ready",
    "names_beginning",
    "page",
    "pause_queue",
    "peek",
    "publish",
    "publish_topic",
    "queue_name",
    "read_log",
    "receive",
    "receive_matching",
    "replay",
    "resume_queue",
    "settle",
    "stats",
    "update_queue",
]
