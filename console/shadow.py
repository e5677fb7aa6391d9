"""How a shadow model differs from the champion on the same live decisions."""

from dataclasses import dataclass

from risk.models import Decision, ModelVersion, ShadowScore

_ROWS = 2_000


@dataclass(frozen=True)
class ShadowComparison:
    """Over the latest decisions both have scored. Shares are 0–1.

    apart          mean absolute difference of the two probabilities
    would_hold     share the shadow alone would have sent to review or declined
    would_release  share the champion alone held
    """

    decisions: int
    champion_mean: float
    shadow_mean: float
    apart: float
    would_hold: float
    would_release: float


def compare_shadow(model: ModelVersion, *, review_at: float) -> ShadowComparison | None:
    """Return the comparison at the policy's review threshold, None while there is nothing to compare."""
    shadow = dict(
        ShadowScore.objects.filter(model=model).order_by("-id").values_list("decision_id", "score")[:_ROWS]
    )
    live = dict(Decision.objects.filter(pk__in=shadow, score__isnull=False).values_list("pk", "score"))
    pairs = [(score, shadow[pk]) for pk, score in live.items() if score is not None]
    if not pairs:
        return None
    n = len(pairs)
    return ShadowComparison(
        decisions=n,
        champion_mean=sum(champion for champion, _ in pairs) / n,
        shadow_mean=sum(other for _, other in pairs) / n,
        apart=sum(abs(champion - other) for champion, other in pairs) / n,
        would_hold=sum(other >= review_at > champion for champion, other in pairs) / n,
        would_release=sum(champion >= review_at > other for champion, other in pairs) / n,
    )
