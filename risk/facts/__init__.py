"""What was known of a subject as of a moment: the only readers for rules and features."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import numpy.typing as npt

from core.refs import Ref


@dataclass(frozen=True)
class Facts:
    """Everything a judgement may see; nothing in it was known at or after `as_of`.

    values          what rules see: field name → value; None, NaN or absence is missing
    direct          the part of `values` that is not a model input: texts, flags, numbers, moments
    vector          (n_inputs,) model inputs in the order of their schema, NaN is missing
    feature_hash    names that schema
    failed          sources that could not be read; any makes the decision degraded
    keys            who is in it: merchant, buyer, device, card, address, ip → id or fingerprint, None if
                    not supplied; what a rule can be snoozed for
    mark            which transactions the history had seen, as PostgreSQL writes a snapshot; None on SQLite
    """

    subject: Ref
    merchant_id: int | None
    as_of: datetime
    values: Mapping[str, object]
    direct: Mapping[str, object]
    vector: npt.NDArray[np.float64]
    feature_hash: str
    failed: tuple[str, ...] = ()
    keys: Mapping[str, int | None] = field(default_factory=dict)
    mark: str | None = None
