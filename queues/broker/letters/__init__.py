"""Dead letters, wherever they lie: looked through, replayed, purged, edited.

A dead letter is a message that is dead in its queue, or one that came to its queue because it died in another
and waits there (a dead-letter queue). Both have a ``dead_reason``, by which an index finds them.

    find(account_id, queue="", wanted=Wanted(), *, newest_first=True, cursor=None, limit=50) -> Page
    groups(account_id) -> Groups                        by queue and reason, counted in bounded work
    dead_letter_queues(queue_ids) -> set of them        which ones letters come to
    preview(account_id, queue, wanted) -> Preview       how many, and the first few      QueueNotFound

    replay(account_id, queue, wanted, *, to="", keep_attempts=False, per_second=None) -> Answer
    purge(account_id, queue, wanted, *, per_second=None) -> Answer                       QueueNotFound
    replay_edited(account_id, queue, public_id, body, encoding, *, to="") -> Published   MessageNotFound

    list_jobs(account_id), get_job(id), cancel_job(id)  the large ones, which a worker does in chunks

``account_id`` None in the reading functions: of all accounts.
"""

from queues.broker.letters.editing import replay_edited
from queues.broker.letters.jobs import JobInfo, JobNotFound, cancel_job, get_job, list_jobs
from queues.broker.letters.listing import (
    Group,
    Groups,
    Letter,
    Page,
    Preview,
    dead_letter_queues,
    find,
    groups,
    preview,
)
from queues.broker.letters.replaying import Answer, purge, replay
from queues.broker.letters.selection import Cursor, Wanted

__all__ = [
    "Answer",
    "Cursor",
    "Group",
    "Groups",
    "JobInfo",
    "JobNotFound",
    "Letter",
    "Page",
    "Preview",
    "Wanted",
    "cancel_job",
    "dead_letter_queues",
    "find",
    "get_job",
    "groups",
    "list_jobs",
    "preview",
    "purge",
    "replay",
    "replay_edited",
]
