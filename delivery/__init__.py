"""Consumers of the outbox: the sequencer now; notifications, mail and webhooks read what it numbers."""
