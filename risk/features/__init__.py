"""Declared features and their two computations: online for one subject, set-based over history."""
