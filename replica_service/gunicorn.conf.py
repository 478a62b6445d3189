"""How gunicorn serves this service; found by gunicorn itself in the working directory."""

import os
from pathlib import Path

SHARED_MEMORY = "/dev/shm"  # noqa: S108 - where Linux has it, not a file of ours

#: Only this machine by default; a container sets WEB_HOST=0.0.0.0.
bind = f"{os.environ.get('WEB_HOST', '127.0.0.1')}:{os.environ.get('REPLICA_PORT', '8001')}"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
#: Threads, since a request mostly waits for the database.
worker_class = "gthread"
threads = int(os.environ.get("WEB_THREADS", "4"))
#: Seconds: a worker that is silent for so long is replaced; a stopping one may finish.
timeout = 60
graceful_timeout = 30
#: Heartbeat files in memory: on a busy disk they would look like a hanging worker.
worker_tmp_dir = SHARED_MEMORY if Path(SHARED_MEMORY).is_dir() else None
accesslog = "-"
access_log_format = (
    'access client=%(h)s request="%(r)s" status=%(s)s bytes=%(b)s seconds=%(L)s agent="%(a)s"'
)
#: Nothing here controls a running server; without it no file is left in a home directory.
control_socket_disable = True
