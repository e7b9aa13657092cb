"""Tasks: messages of a type that handlers or remote workers take on, report about, and bring to one of three
ends. What a task does, in dialect-free terms.

A task is a message in a queue: its type is the message's tag, its payload the body, its retries, leases and
retention are settings of its own (``create.settings_of``). What the engine does with messages it does with
tasks; what a task has beside is written in the same transactions (``journal``). Dialects and workers call the
functions of ``queues.tasks.tasks``; ``registry`` knows the handlers.

Django finds the built-in handlers here, as it finds those of any app in its ``tasks`` module.
"""

from queues.tasks import demo  # noqa: F401
