"""A small Celery application on the embedded broker, run by the tests in real worker processes.

Each task appends its number to a file with one O_APPEND write, so that the test can count executions.
"""

import os
import time
from pathlib import Path

from celery import Celery

from backoffice import broker

broker.register()
# Looking for doctests imports this file: it must not become what the test process itself sends with.
app = Celery("embedded", set_as_current=False)
app.conf.update(
    broker_url="embedded://localhost/",
    broker_transport_options={"folder": os.environ.get("SPOOL", "/nonexistent")},
    task_default_queue="decisions",
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=4,
    worker_lost_wait=0.2,
    broker_connection_retry_on_startup=True,
)


@app.task(name="write_down")
def write_down(number: int, pause_s: float) -> None:
    time.sleep(pause_s)
    done = os.open(os.environ["DONE"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(done, f"{number}\n".encode())
    os.close(done)


@app.task(name="die_once")
def die_once(number: int) -> None:
    """Kill the pool process at the first attempt, as the system does when memory is short."""
    marker = Path(f"{os.environ['DONE']}.died")
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), 9)
    write_down(number, 0)
