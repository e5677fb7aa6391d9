"""Celery shells of risk, one module per queue class: a worker loads only its own."""
