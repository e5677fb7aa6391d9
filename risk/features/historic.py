"""Inputs beside the live ones, for studies of history: computed set-based, never asked of a decision.

Every live input costs each decision time; these cost only whoever trains on history. What they mean is what
`declarations` says. One that proves its worth moves there.
"""

from risk.features.declarations import (
    BAD,
    DAY,
    DECLARED,
    HALF_YEAR,
    MONTH,
    WEEK,
    Declaration,
    Entity,
    Feature,
    Filter,
    Ratio,
    Source,
    Statistic,
    Unit,
    amount_statistic,
    amount_to_own_max,
    amount_to_own_mean,
    bad_share,
    label_count,
    mean_amount,
    outcome_count,
    window_name,
)

# How the Handbook's simulated thieves work (its chapter 3): a terminal is compromised for 28 days, a card for
# 14, and a label comes after 7. What was bad at a terminal in the latest 20 days of labels may be so still;
# what was bad 27 days ago or longer is over.
TERMINAL_MAY_LAST = 20 * DAY
TERMINAL_IS_OVER_AFTER = 27 * DAY
FORTNIGHT = 14 * DAY
QUARTER = 90 * DAY
MERCHANT_LABEL_WINDOWS = (3 * DAY, TERMINAL_MAY_LAST, TERMINAL_IS_OVER_AFTER)


def seconds_since_label(entity: Entity, where: Filter | None, minutes: int) -> Feature:
    noun = "label" if where is None else f"{where.code}_label"
    name = f"{entity}_{noun}_{window_name(minutes)}_since"
    return Feature(name, Source.LABELS, entity, Statistic.SECONDS_SINCE, minutes, where=where)


def amount_to_own_std(entity: Entity, minutes: int) -> Ratio:
    spread = amount_statistic(entity, Statistic.STD, minutes).name
    name = f"order_amount_to_{entity}_std_{window_name(minutes)}"
    return Ratio(name, "order_amount_minor", spread, Unit.TIMES)


def lately_to_mean(entity: Entity, statistic: Statistic, minutes: int, usual: int) -> Ratio:
    """Return what an entity spent lately, its mean or its largest order, against its usual mean."""
    lately = mean_amount(entity, minutes) if statistic is Statistic.SUM else None
    part = lately.name if lately else amount_statistic(entity, statistic, minutes).name
    noun = "mean" if lately else statistic
    name = f"{entity}_{noun}_{window_name(minutes)}_to_mean_{window_name(usual)}"
    return Ratio(name, part, mean_amount(entity, usual).name, Unit.TIMES)


HISTORIC_FEATURES: tuple[Feature, ...] = (
    amount_statistic(Entity.BUYER, Statistic.SUM, HALF_YEAR),
    *(amount_statistic(Entity.BUYER, Statistic.MAX, minutes) for minutes in (WEEK, FORTNIGHT, HALF_YEAR)),
    amount_statistic(Entity.BUYER, Statistic.STD, HALF_YEAR),
    *(
        label_count(Entity.MERCHANT, where, minutes)
        for where in (None, BAD)
        for minutes in MERCHANT_LABEL_WINDOWS
    ),
    *(seconds_since_label(Entity.MERCHANT, where, QUARTER) for where in (None, BAD)),
    *(outcome_count(Entity.MERCHANT, where, FORTNIGHT, TERMINAL_IS_OVER_AFTER) for where in (None, BAD)),
)

HISTORIC_RATIOS: tuple[Ratio, ...] = (
    mean_amount(Entity.BUYER, HALF_YEAR),
    *(amount_to_own_mean(Entity.BUYER, minutes) for minutes in (WEEK, HALF_YEAR)),
    amount_to_own_max(Entity.BUYER, HALF_YEAR),
    *(amount_to_own_std(Entity.BUYER, minutes) for minutes in (MONTH, HALF_YEAR)),
    lately_to_mean(Entity.BUYER, Statistic.SUM, WEEK, HALF_YEAR),
    *(lately_to_mean(Entity.BUYER, Statistic.MAX, minutes, HALF_YEAR) for minutes in (WEEK, FORTNIGHT)),
    *(bad_share(Entity.MERCHANT, minutes) for minutes in MERCHANT_LABEL_WINDOWS),
)

_BESIDE: tuple[Declaration, ...] = (*HISTORIC_FEATURES, *HISTORIC_RATIOS)
HISTORIC: dict[str, Declaration] = DECLARED | {declaration.name: declaration for declaration in _BESIDE}
