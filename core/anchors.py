"""The audit chain's newest hash, kept where the database's owner does not reach: in files and in the log.

A chain proves everything but its own end: without its last blocks it is a shorter,
perfect chain. So every sealing leaves the head in a file of the storage, one file a
day is kept for good, and in the log. Whoever can change database, storage and the
shipped log together leaves no trace; keep at least one of the three apart.
"""

import json
import logging
import re

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from .models import AuditBlock

logger = logging.getLogger(__name__)
FOLDER = "audit/heads"
# The name says it all, so that checking lists one folder and opens no file.
_NAME = re.compile(r"(?P<day>\d{4}-\d\d-\d\d)-(?P<number>\d{12})-(?P<hash>[0-9a-f]{64})\.json")


def keep_head(block: AuditBlock) -> None:
    """Write the chain's head to log and storage; a failing storage is logged, and the next head makes up."""
    logger.info("audit_sealed", extra={"block": block.number, "hash": block.hash})
    day = f"{block.sealed_at:%Y-%m-%d}"
    content = {"number": block.number, "hash": block.hash, "sealed_at": block.sealed_at.isoformat()}
    try:
        earlier = [name for name in _names() if name.startswith(day)]
        name = f"{day}-{block.number:012}-{block.hash}.json"
        default_storage.save(f"{FOLDER}/{name}", ContentFile(json.dumps(content).encode()))
        for old in earlier:
            if old < name:
                default_storage.delete(f"{FOLDER}/{old}")
    except Exception:
        # A boundary: backends raise what they like, and sealing must not stop for it.
        logger.exception("audit_head_not_kept", extra={"block": block.number})


def read_heads() -> dict[int, str]:
    """Return block number → hash of every head kept."""
    matches = (_NAME.fullmatch(name) for name in _names())
    return {int(match["number"]): match["hash"] for match in matches if match}


def _names() -> list[str]:
    try:
        return sorted(default_storage.listdir(FOLDER)[1])
    except FileNotFoundError:  # nothing was sealed yet
        return []
