"""Settings for a server whose receives hardly wait: schemathesis asks empty queues by the hundred."""

from okmq_site.settings import *  # noqa: F403

OKMQ_POLL_SECONDS = 0.05  # type: ignore[assignment]  # shorter than an operator may set it
OKMQ_FORQ_POLL_SECONDS = 0
