"""Tasks: messages that name their type, report progress, and are run by handlers or remote workers.

Django finds the built-in handlers here, as it finds those of any app in its ``tasks`` module.
"""

from queues.tasks import demo  # noqa: F401
