"""Orders: lines, payments facts, shipments, refunds, and the account's health."""
