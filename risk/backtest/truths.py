"""What rows proved to be, as columns."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Truths: TypeAlias = npt.NDArray[np.uint8]
GOOD, BAD, UNKNOWN = range(3)
NAMES = ("good", "bad", "unknown")
