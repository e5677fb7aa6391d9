"""Human review: queues, cases, claims and verdicts."""
