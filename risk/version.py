"""Which code judges: a digest of the sources that a decision depends on."""

from functools import cache
from hashlib import sha256
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_JUDGING = (
    "risk/decide.py",
    "risk/policy.py",
    "risk/scoring.py",
    "risk/facts",
    "risk/features",
    "risk/rules",
    "ml/artifacts.py",
    "ml/boosting.py",
    "ml/calibration.py",
    "ml/estimators.py",
)


@cache
def code_version() -> str:
    """Return 16 hexadecimal digits that change when any judging source does."""
    digest = sha256()
    for name in _JUDGING:
        path = _ROOT / name
        for source in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(source.relative_to(_ROOT).as_posix().encode())
            digest.update(source.read_bytes())
    return digest.hexdigest()[:16]
