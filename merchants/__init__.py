"""Merchants: their applications, documents, members and keys."""
