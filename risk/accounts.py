"""The score of a merchant account, its history, and the alert when it crosses a threshold.

The score is the probability that the merchant's long-run share of bad orders
exceeds TOLERATED_SHARE, given the last 60 days: a Beta-binomial posterior
(Gelman et al., Bayesian Data Analysis, 3rd ed., ch. 2.4) whose prior has the
marketplace's own share as its mean, half the tolerance at most. Orders whose truth is known count as they
proved; the others count with their calibrated score.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum

from core import audit, journal, outbox
from core.actors import Actor
from core.ids import first_id_at
from core.outbox import TaskCall
from core.refs import Ref
from merchants.models import Merchant
from orders.health import WINDOW

from .models import AccountScore, Alert, Decision, Label, Outcome, Subject

# Card schemes put merchants into monitoring programmes at about 1 % fraud by count; three times that is
# beyond what seasonality explains.
TOLERATED_SHARE = 0.03
PRIOR_ORDERS = 50  # weight of the marketplace's share: a merchant's own history outweighs it after 50 orders
MEDIUM_AT, HIGH_AT = 0.2, 0.6
BANDS = ((HIGH_AT, "high"), (MEDIUM_AT, "medium"), (0.0, "low"))
# An alert that is about no band: the rules would restrict the account, which only people do.
RESTRICTION_PROPOSED = "restriction_proposed"
NOT_SELLING = ("onboarding", "terminated")
JUDGE_ACCOUNT = "intake.tasks.judge_account"
_SEVERITY = {"low": 0, "medium": 1, "high": 2}


@dataclass(frozen=True)
class Evidence:
    """What is known of one merchant's orders in the window.

    known, bad           orders whose truth is known, and how many of them proved bad
    pending, expected    accepted orders whose truth is not known, and the sum of their scores
    """

    known: int = 0
    bad: int = 0
    pending: int = 0
    expected: float = 0.0


def account_score(evidence: Evidence, marketplace_share: float) -> float:
    """Return P(long-run bad share > TOLERATED_SHARE), 0–1.

    >>> round(account_score(Evidence(known=200, bad=0), 0.01), 4)
    0.0001
    >>> round(account_score(Evidence(known=200, bad=14), 0.01), 4)
    0.9868
    """
    from scipy.special import betainc  # a third of a second to import: never on the way to a decision

    bad = PRIOR_ORDERS * marketplace_share + evidence.bad + evidence.expected
    seen = PRIOR_ORDERS + evidence.known + evidence.pending
    return float(1 - betainc(bad, seen - bad, TOLERATED_SHARE))


def band_of(score: float) -> str:
    """Return "low", "medium" or "high".

    >>> [band_of(score) for score in (0.1, 0.2, 0.9)]
    ['low', 'medium', 'high']
    """
    return next(name for least, name in BANDS if score >= least)


def refresh_scores(merchant_ids: Collection[int], *, as_of: datetime) -> int:
    """Score these merchants, keep the history, alert on a changed band; return how many were scored."""
    evidence = _gather(merchant_ids, as_of=as_of)
    share = _marketplace_share(as_of=as_of)
    merchants = Merchant.objects.filter(pk__in=merchant_ids)
    with journal.unit():
        for merchant in merchants.select_for_update():
            found = evidence.get(merchant.pk, Evidence())
            _store(merchant, found, account_score(found, share), as_of=as_of)
    return len(merchants)


def list_due(*, as_of: datetime, since: datetime) -> list[int]:
    """Return merchants with a decision since `since` that is newer than their score."""
    recent = (
        Decision.objects.filter(subject_kind=Subject.ORDER, id__gte=first_id_at(since))
        .order_by()
        .values_list("merchant_id", flat=True)
        .distinct()
    )
    stale = Q(account_score_at=None) | Q(account_score_at__lt=since)
    return list(Merchant.objects.filter(stale, pk__in=recent).values_list("pk", flat=True))


def list_all_active() -> Iterable[int]:
    """Return every merchant that sells, for the nightly refresh."""
    return Merchant.objects.exclude(status__in=NOT_SELLING).values_list("pk", flat=True)


def acknowledge(alert: Alert, *, actor: Actor, at: datetime) -> None:
    """Take an alert off the open list; whoever comes second changes nothing."""
    with journal.unit():
        still_open = Alert.objects.filter(pk=alert.pk, acknowledged_at=None)
        if still_open.update(acknowledged_at=at, acknowledged_by=str(actor)):
            audit.record("alert.acknowledged", actor=actor, subject=Ref("alert", alert.pk))


def propose_restriction(merchant: Merchant, score: float, *, at: datetime) -> Alert:
    """Raise an alert that the rules speak for restricting the account; nothing happens to it."""
    band = band_of(score)
    with journal.unit():
        alert = Alert.objects.create(
            merchant=merchant,
            code=RESTRICTION_PROPOSED,
            from_band=band,
            to_band=band,
            score=score,
            created_at=at,
        )
        outbox.record(
            "merchant.restriction_proposed",
            subject=Ref("merchant", merchant.pk),
            merchant_id=None,  # the house's business: a warned merchant cashes out
            payload={"alert": alert.pk},
        )
    return alert


def _store(merchant: Merchant, found: Evidence, score: float, *, as_of: datetime) -> None:
    before = None if merchant.account_score is None else band_of(merchant.account_score)
    band = band_of(score)
    AccountScore.objects.create(merchant=merchant, score=score, band=band, as_of=as_of, parts=_parts(found))
    Merchant.objects.filter(pk=merchant.pk).update(account_score=score, account_score_at=as_of)
    crossed_up = _SEVERITY[band] > _SEVERITY[before or "low"]
    if crossed_up:
        _alert(merchant, before or "low", band, score, as_of=as_of)


def _alert(merchant: Merchant, before: str, band: str, score: float, *, as_of: datetime) -> None:
    alert = Alert.objects.create(
        merchant=merchant,
        code=f"account_risk_{band}",
        from_band=before,
        to_band=band,
        score=score,
        created_at=as_of,
    )
    outbox.record(
        "merchant.account_alert",
        subject=Ref("merchant", merchant.pk),
        merchant_id=merchant.pk,
        payload={"alert": alert.pk, "from": before, "to": band},
        # By its name: judging opens cases, which are above.
        send=[TaskCall(JUDGE_ACCOUNT, (merchant.pk,))],
    )


def _parts(found: Evidence) -> dict[str, float]:
    return {
        "known": found.known,
        "bad": found.bad,
        "pending": found.pending,
        "expected": round(found.expected, 4),
    }


def _gather(merchant_ids: Collection[int], *, as_of: datetime) -> Mapping[int, Evidence]:
    """Two grouped queries, however many merchants."""
    known = {
        row["merchant_id"]: row
        for row in _labels(as_of)
        .filter(merchant_id__in=merchant_ids)
        .values("merchant_id")
        .annotate(
            known=Count("subject_id", distinct=True),
            bad=Count("subject_id", distinct=True, filter=Q(is_bad=True)),
        )
    }
    labelled = Label.objects.as_of(as_of).filter(
        subject_kind=Subject.ORDER, subject_id=OuterRef("subject_id")
    )
    pending = {
        row["merchant_id"]: row
        for row in Decision.objects.filter(
            ~Exists(labelled),
            subject_kind=Subject.ORDER,
            merchant_id__in=merchant_ids,
            id__gte=first_id_at(as_of - WINDOW),
            score__isnull=False,
        )
        .exclude(outcome=Outcome.DECLINE)
        .values("merchant_id")
        .annotate(pending=Count("pk"), expected=Sum("score"))
    }
    nothing: dict[str, Any] = {}
    return {
        id: Evidence(
            known=known.get(id, nothing).get("known", 0),
            bad=known.get(id, nothing).get("bad", 0),
            pending=pending.get(id, nothing).get("pending", 0),
            expected=pending.get(id, nothing).get("expected", 0.0),
        )
        for id in merchant_ids
    }


def _marketplace_share(*, as_of: datetime) -> float:
    """Return the bad share over all merchants; half the tolerance while nothing is known."""
    counts = _labels(as_of).aggregate(known=Count("pk"), bad=Count("pk", filter=Q(is_bad=True)))
    if not counts["known"] or not counts["bad"]:
        return TOLERATED_SHARE / 2
    # Beyond the tolerance the prior alone would put every new merchant into the highest band.
    return min(float(counts["bad"] / counts["known"]), TOLERATED_SHARE / 2)


def _labels(as_of: datetime) -> QuerySet[Label]:
    return Label.objects.as_of(as_of).filter(subject_kind=Subject.ORDER, known_at__gte=as_of - WINDOW)
