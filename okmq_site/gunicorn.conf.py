"""How gunicorn serves OKMQ. ``manage.py serve`` reads this file, and so can gunicorn itself:

    gunicorn --config okmq_site/gunicorn.conf.py okmq_site.wsgi

Threads, not asyncio: Django under ASGI serves a third as many requests a second, and a parked thread is
cheap.
"""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "okmq_site.settings")

from django.conf import settings

from okmq_site import process

bind = f"{settings.HOST}:{settings.PORT}"
worker_class = "okmq_site.gunicorn_worker.Worker"
workers = settings.OKMQ_PROCESSES
threads = settings.OKMQ_THREADS

# Connections one process holds open, idle ones included; far more than threads, which only requests need.
process.raise_open_files_limit()
worker_connections = process.most_connections()
backlog = 2048
# Longer than the idle time after which proxies and client libraries drop a connection (60 s is usual), so
# that the client closes first and never sends a request into a closing connection.
keepalive = 75
# A worker that does not even look after its sockets for this long is killed and replaced.
timeout = 60
# How long requests in flight may take to finish after SIGTERM. Waiting receives are answered at once.
graceful_timeout = 30
# Percent-encoded names, ids and tags make long paths.
limit_request_line = 8190

# The heartbeat file in memory where there is such a place: on a disk that stalls, touching it can block.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") and os.access("/dev/shm", os.W_OK) else None  # noqa: PTH112, S108
# No second door: gunicorn 27 opens a control socket in the user's home otherwise.
control_socket_disable = True
# A client must not be able to set SCRIPT_NAME or PATH_INFO by header.
forwarder_headers = ""
accesslog = None
logger_class = "okmq_site.access.Logger"
loglevel = "debug" if settings.OKMQ_LOG_LEVEL == "DEBUG" else "warning"

on_starting = process.on_starting
when_ready = process.when_ready
post_worker_init = process.post_worker_init
worker_exit = process.worker_exit
child_exit = process.child_exit
on_exit = process.on_exit
