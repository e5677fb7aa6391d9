"""The Celery application: which queue a task runs in, how it is acknowledged, and what runs by the clock.

Where messages travel (broker, its folder or address, queue prefix) is deployment and stands in settings.py;
everything here is behaviour and the same everywhere. A `CELERY_…` setting overrides a value from here.
"""

import os
from collections.abc import Mapping
from typing import Any

from celery import Celery, signals
from celery.schedules import crontab

from backoffice import broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backoffice.settings")

# Queue class → the modules whose tasks run there. A worker loads only the modules of its own queues, so that
# the processes that decide never pay for scikit-learn and cannot be slowed by a training.
TASK_MODULES: Mapping[str, tuple[str, ...]] = {
    # Somebody waits for it: seconds matter.
    "decisions": ("intake.tasks", "risk.tasks.decide"),
    # Minutes matter: events, mail, upkeep.
    "default": (
        "catalog.tasks",
        "cases.tasks",
        "core.tasks",
        "delivery.tasks",
        "risk.tasks.accounts",
        "risk.tasks.monitoring",
        "risk.tasks.rollups",
    ),
    # Hours matter, and it needs memory and all the cores it can get.
    "training": ("recommendations.tasks", "risk.tasks.backtest", "risk.tasks.train"),
}
# Set by backoffice.processes: the queue classes whose tasks this process loads; unset loads all.
QUEUES_VARIABLE = "BACKOFFICE_QUEUES"

_SECOND, _MINUTE, _HOUR = 1.0, 60.0, 3600.0


def queue_class(task_name: str) -> str:
    """Return the queue class a task runs in, from the module its name begins with; "default" if none does."""
    for queue, modules in TASK_MODULES.items():
        if any(task_name.startswith(f"{module}.") for module in modules):
            return queue
    return "default"


def queue_name(queue: str) -> str:
    """Return the broker's name of a queue class. Installations that share a broker differ in the prefix."""
    from django.conf import settings

    return f"{settings.CELERY_QUEUE_PREFIX}.{queue}"


def queue_sizes() -> dict[str, int]:
    """Return the number of waiting messages by queue class, on either broker; claimed ones do not count."""
    with app.connection_for_read() as connection, connection.channel() as opened:
        channel: Any = opened  # the stubs give the abstract channel, without a method
        # Declaring makes nothing on either broker. A passive declaration would be the right question, but
        # Kombu's Redis transport forgets the key prefix in its answer and finds no queue at all.
        return {
            queue: int(channel.queue_declare(queue=queue_name(queue)).message_count) for queue in TASK_MODULES
        }


def _route(name: str, *_: object, **__: object) -> dict[str, str]:
    return {"queue": queue_name(queue_class(name))}


def _every(task: str, seconds: float) -> dict[str, Any]:
    # A tick that waited for longer than its interval is dropped: the next one does the same work.
    return {"task": task, "schedule": seconds, "options": {"expires": seconds}}


def _at(task: str, when: crontab, *, valid_for: float) -> dict[str, Any]:
    return {"task": task, "schedule": when, "options": {"expires": valid_for}}


# All hours are UTC: for the first marketplace, in China, the nightly entries lie between one and five in the
# morning. They are spaced so that no two heavy ones share the cores.
BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    # A received order whose message was lost waits at most this long: the promise to partners is 10 seconds.
    "intake-sweep": _every("intake.tasks.sweep", 5 * _SECOND),
    # Assigns the gap-free numbers webhooks and the event feed wait for; one short transaction, so often.
    "delivery-sequence": _every("delivery.tasks.sequence", 2 * _SECOND),
    # A colleague who was called looks up within seconds; one indexed look when there is nothing.
    "delivery-notify": _every("delivery.tasks.notify", 3 * _SECOND),
    # Mail that is wanted at once: ten seconds more are not felt.
    "delivery-send-mails": _every("delivery.tasks.send_mails", 10 * _SECOND),
    # Everybody's morning comes at an hour of their own, in zones that differ by quarters of one.
    "delivery-send-digests": _every("delivery.tasks.send_digests", 15 * _MINUTE),
    # A lead hears an hour ahead: five minutes of it are no loss.
    "delivery-warn-leads": _every("delivery.tasks.warn_leads", 5 * _MINUTE),
    # The worker explains right after a decision; this catches what it missed before a reviewer looks.
    "risk-explain-pending": _every("risk.tasks.decide.explain_pending", 30 * _SECOND),
    # Shadow scores are compared by the day; half a minute keeps each batch small. A backlog is worked off for
    # twenty seconds at most, so that ticks do not pile up.
    "risk-score-shadows": _every("risk.tasks.monitoring.score_shadows", 30 * _SECOND),
    # What came since a busy key's watermark is read event by event: a third of a minute keeps it short.
    "risk-advance-rollups": _every("risk.tasks.rollups.advance", 20 * _SECOND),
    # A version scheduled for nine o'clock judges from nine o'clock on; one indexed look at a small table.
    "risk-start-scheduled": _every("risk.tasks.monitoring.start_scheduled", 5 * _SECOND),
    # A rule gone wild holds a minute's orders more, and they are decided again.
    "risk-brake-rules": _every("risk.tasks.monitoring.brake_rules", _MINUTE),
    # Inputs are judged over a day: a quarter of an hour is a hundredth of it.
    "risk-brake-models": _every("risk.tasks.monitoring.brake_models", 15 * _MINUTE),
    # Over is over when its time has come, whoever marks it; this keeps the look of every process short.
    "risk-close-snoozes": _every("risk.tasks.monitoring.close_expired_snoozes", 5 * _MINUTE),
    # It looks two minutes back, so that a skipped minute is made up for.
    "risk-refresh-recent-accounts": _every("risk.tasks.accounts.refresh_recent", _MINUTE),
    # An audit row is provable at most a minute after it was written; more often makes blocks of one row.
    "core-seal-audit": _every("core.tasks.seal_audit", _MINUTE),
    # Leases last minutes: an abandoned case returns to its queue within one more.
    # A forecast rests on two weeks: an hour more or less of them is not felt.
    "cases-measure-desk": _every("cases.tasks.measure_desk", _HOUR),
    "cases-release-leases": _every("cases.tasks.release_expired_leases", _MINUTE),
    # A verdict takes effect when its half minute to undo has passed: two seconds more are not felt.
    "cases-settle-verdicts": _every("cases.tasks.settle_verdicts", 2 * _SECOND),
    # A case is put aside for hours or days; a minute late is in time.
    "cases-return-held": _every("cases.tasks.return_held", _MINUTE),
    # A note taken back sends this at once; what the message missed is gone five minutes later.
    "cases-delete-removed-files": _every("cases.tasks.delete_removed_files", 5 * _MINUTE),
    # A person watches the bar of a bulk verdict: a killed worker's run goes on one to two minutes later.
    "cases-resume-bulk-verdicts": _every("cases.tasks.resume_bulk_verdicts", _MINUTE),
    # Staff may cancel a held order, and orders know nothing of cases: reviewers meet it five minutes at most.
    "cases-close-moot": _every("cases.tasks.close_moot", 5 * _MINUTE),
    # A person who asked for a training watches its page: five minutes is the longest silence.
    "risk-resume-trainings": _every("risk.tasks.train.resume", 5 * _MINUTE),
    # A person watches the bar of a backtest: a killed worker's run goes on two to three minutes later.
    "risk-resume-backtests": _every("risk.tasks.backtest.resume_abandoned", _MINUTE),
    # 17:00: the business day has ended, and scores are fresh before merchants open their health page.
    "risk-refresh-all-accounts": _at(
        "risk.tasks.accounts.refresh_all", crontab(hour="17", minute="0"), valid_for=6 * _HOUR
    ),
    # 17:15: the day's orders are complete; a quarter of an hour after the scores, which read the same rows.
    "recommendations-refresh": _at(
        "recommendations.tasks.refresh", crontab(hour="17", minute="15"), valid_for=6 * _HOUR
    ),
    # 17:30: a median price moves by the day; the price check compares new listings with it.
    "catalog-refresh-medians": _at(
        "catalog.tasks.refresh_medians", crontab(hour="17", minute="30"), valid_for=6 * _HOUR
    ),
    # 17:45: after the scores, which are what an account is judged by first.
    "intake-judge-accounts": _at(
        "intake.tasks.judge_accounts", crontab(hour="17", minute="45"), valid_for=6 * _HOUR
    ),
    # 18:00: stored answers to repeated requests are kept for a day; a short delete, between the heavy ones.
    "core-forget-answers": _at(
        "core.tasks.forget_answers", crontab(hour="18", minute="0"), valid_for=6 * _HOUR
    ),
    # 18:05: what was read and is a quarter of a year old; a short delete.
    "delivery-forget-notifications": _at(
        "delivery.tasks.forget_notifications", crontab(hour="18", minute="5"), valid_for=6 * _HOUR
    ),
    # 18:15: imports of the day may have made keys busy, and old buckets have served.
    "risk-tidy-rollups": _at("risk.tasks.rollups.tidy", crontab(hour="18", minute="15"), valid_for=6 * _HOUR),
    # 18:30: reads the day's decisions again, in chunks; nobody waits for it before the morning.
    "risk-measure-parity": _at(
        "risk.tasks.rollups.measure_parity", crontab(hour="18", minute="30"), valid_for=6 * _HOUR
    ),
    # 19:00: reads samples of the day and of the last fortnight, and labels; before the weekly training below.
    "risk-measure-models": _at(
        "risk.tasks.monitoring.measure_models", crontab(hour="19", minute="0"), valid_for=6 * _HOUR
    ),
    # Saturday 20:00, early Sunday there, is the quietest hour. Weekly, because labels mature in weeks:
    # a daily model would learn from the same labels seven times, and each needs a person's approval.
    "risk-retrain": _at(
        "risk.tasks.train.retrain", crontab(day_of_week="sat", hour="20", minute="0"), valid_for=24 * _HOUR
    ),
}


def _behaviour() -> dict[str, Any]:
    return {
        "include": [module for queue in _loaded_queues() for module in TASK_MODULES[queue]],
        "beat_schedule": BEAT_SCHEDULE,
        "beat_scheduler": "backoffice.liveness:Scheduler",
        "task_default_queue": queue_name("default"),
        "task_routes": (_route,),
        # A message is acknowledged when its work is committed, so that a killed worker loses none; tasks are
        # idempotent because of it. A task that fails by itself is acknowledged: its row keeps the state and
        # the sweeper decides about another attempt.
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "worker_cancel_long_running_tasks_on_connection_loss": True,
        # Four messages ahead per process: 2.5 times the throughput of one on short tasks, and what a killed
        # worker held is redelivered anyway. The training worker overrides it with one.
        "worker_prefetch_multiplier": 4,
        # A pool process imports models and libraries first; the default of 4 s kills it on a busy machine.
        "worker_proc_alive_timeout": 60.0,
        # How long a dead pool process may still have a result in the pipe before its task is given back.
        "worker_lost_wait": 2.0,
        # JSON only: a pickled message would run code of whoever can write to the broker.
        "accept_content": ["json"],
        "task_serializer": "json",
        # Results are rows. No result backend: nobody may wait for a task.
        "result_backend": None,
        "task_ignore_result": True,
        # One quick retry, then give up: the request that publishes has committed and the sweeper sends again.
        "task_publish_retry_policy": {"max_retries": 1, "interval_start": 0, "interval_step": 0.1},
        "broker_connection_retry_on_startup": True,
        "worker_send_task_events": False,
    }


def _loaded_queues() -> list[str]:
    chosen = os.environ.get(QUEUES_VARIABLE)
    return list(TASK_MODULES) if chosen is None else chosen.split()


@signals.setup_logging.connect
def _keep_django_logging(**_: object) -> None:
    """Stop Celery from replacing the log configuration of settings.py; being connected is enough."""


broker.register()
app = Celery("backoffice")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.add_defaults(_behaviour)
app.steps["consumer"].add("backoffice.liveness:Heartbeat")
