"""The test suite's settings: the real ones, on a database and in a folder of the run's own.

``OKMQ_TEST_DATABASE`` chooses ``sqlite`` (default) or ``postgresql``. Importing this module starts the
run's PostgreSQL when one is wanted and ``TEST_DATABASE_URL`` names none; xdist's workers inherit that
variable, so they all use the one their controller started.
"""

from tests import database

database.prepare_environment()

from okmq_site.settings import *  # noqa: E402, F403
from okmq_site.settings import DATABASES  # noqa: E402

DATABASES["default"]["TEST"] = database.test_options()
if not database.POSTGRESQL:
    # As with PostgreSQL's fsync. What is durable is tested on servers, whose settings are the real ones.
    DATABASES["default"]["OPTIONS"]["init_command"] += "; PRAGMA synchronous = OFF"
# As if apps of an operator's own enqueued Django tasks.
TASKS = {"default": {"BACKEND": "queues.tasks.backend.OKMQBackend", "QUEUES": []}}
# Tests make many accounts and admin users; a slow password hash protects nobody there.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
