"""Ground for every app: money, ids, errors, audit, transitions, outbox."""
