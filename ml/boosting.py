"""LightGBM without the scikit-learn it would bring along."""

import sys
from types import ModuleType


def load_lightgbm() -> ModuleType:
    """Return the lightgbm module.

    Its optional wrappers import scikit-learn, which is three quarters of the
    import's time and about 100 MB in every process that scores. We use only
    Booster and train; LightGBM does without scikit-learn when it is absent,
    so for the length of this one import it looks absent.
    """
    if "lightgbm" in sys.modules or "sklearn" in sys.modules:
        import lightgbm

        return lightgbm
    sys.modules["sklearn"] = None  # type: ignore[assignment]
    try:
        import lightgbm
    finally:
        del sys.modules["sklearn"]
    return lightgbm
