"""A worker that does dead-letter jobs and says so after each chunk, to be killed by a test:
``python -m tests.broker.replayer CHUNK``."""

from __future__ import annotations

import os
import sys

os.environ["DJANGO_SETTINGS_MODULE"] = "okmq_site.settings"

import django

django.setup()

from queues.broker.housekeeping import own_name  # noqa: E402
from queues.broker.letters import jobs  # noqa: E402

if __name__ == "__main__":
    jobs.CHUNK = int(sys.argv[1])
    print("ready", flush=True)
    while True:
        for job_id in jobs.open_jobs(own_name()):
            jobs.step(job_id, own_name())
            print(job_id, flush=True)
