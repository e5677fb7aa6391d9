"""Who bought what, read once as columns: the only input of every recommender."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from orders.models import OrderLine, OrderStatus

Ids = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]

# Half a year covers a season; what was bought together before it says little about what is on sale now.
WINDOW = timedelta(days=180)
# 16 bytes a row while reading: the newest two million purchases need 32 MB.
MAX_ROWS = 2_000_000
_CHUNK_ROWS = 20_000
_ROW = np.dtype([("buyer", np.int64), ("listing", np.int64)])


@dataclass(frozen=True)
class Interactions:
    """Distinct purchases (buyer × listing), oldest first, as codes into `listing_ids`.

    buyers        shape (n,), codes 0 … n_buyers − 1
    items         shape (n,), codes into listing_ids
    listing_ids   shape (n_items,), ascending
    """

    buyers: Codes
    items: Codes
    listing_ids: Ids

    def __len__(self) -> int:
        return len(self.items)

    @property
    def n_buyers(self) -> int:
        return int(self.buyers.max()) + 1 if len(self) else 0

    @property
    def n_items(self) -> int:
        return len(self.listing_ids)

    def keep(self, mask: npt.NDArray[np.bool_]) -> "Interactions":
        """Return the purchases where `mask` is true; codes keep their meaning."""
        return Interactions(self.buyers[mask], self.items[mask], self.listing_ids)


def read_interactions(*, as_of: datetime, max_rows: int = MAX_ROWS) -> Interactions:
    """Read what identified buyers bought in the window before `as_of`; one streamed query.

    Declined and held orders do not count: a fraudster must not be able to
    lift a listing. Of more than `max_rows` lines the newest are read.
    """
    lines = (
        OrderLine.objects.filter(
            listing__isnull=False,
            order__buyer_key__isnull=False,
            order__occurred_at__gte=as_of - WINDOW,
            order__occurred_at__lt=as_of,
            order__known_at__lt=as_of,
            order__hold_kind="",
        )
        .exclude(order__status=OrderStatus.DECLINED)
        .order_by("-order__occurred_at", "-pk")
        .values_list("order__buyer_key", "listing_id")[:max_rows]
    )
    newest_first = np.fromiter(lines.iterator(chunk_size=_CHUNK_ROWS), dtype=_ROW)
    return from_pairs(newest_first["buyer"][::-1], newest_first["listing"][::-1])


def from_pairs(buyer_keys: Ids, listing_ids: Ids) -> Interactions:
    """Return distinct purchases from pairs in time order; a repeat counts where it was last bought.

    >>> bought = from_pairs(np.array([7, 7, 7]), np.array([50, 40, 50]))
    >>> bought.listing_ids[bought.items].tolist()
    [40, 50]
    """
    _, buyers = np.unique(buyer_keys, return_inverse=True)
    distinct, items = np.unique(listing_ids, return_inverse=True)
    pairs = buyers.astype(np.int64) * max(len(distinct), 1) + items
    # `unique` returns first positions; of the reversed array these are the last ones.
    _, first = np.unique(pairs[::-1], return_index=True)
    order = np.sort(len(pairs) - 1 - first)
    return Interactions(buyers[order].astype(np.int32), items[order].astype(np.int32), distinct)
