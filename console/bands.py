"""Where the live policy draws its lines, so that every score on every page is in the same band."""

from collections.abc import Mapping

from risk.models import RuleSet, RuleSetStatus

Bands = Mapping[str, tuple[float, float]]


def live_bands() -> Bands:
    """Return subject → (review_at, decline_at) of the live rulesets; one query."""
    live = RuleSet.objects.filter(status=RuleSetStatus.LIVE).values_list("subject", "policy")
    bands = {}
    for subject, policy in live:
        thresholds = policy.get("thresholds", {})
        if "review_at" in thresholds and "decline_at" in thresholds:
            bands[subject] = (thresholds["review_at"], thresholds["decline_at"])
    return bands
