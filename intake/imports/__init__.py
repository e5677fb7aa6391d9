"""Imports of files: a declared mapping, checked columns, an error file, rows applied in idempotent chunks."""

from .mapping import ImportMapping, list_mappings, load_mapping, parse_mapping
from .refusals import ImportRefused
from .running import import_frames, run_import
from .summary import describe

__all__ = [
    "ImportMapping",
    "ImportRefused",
    "describe",
    "import_frames",
    "list_mappings",
    "load_mapping",
    "parse_mapping",
    "run_import",
]
