"""How a declared input reads on a page, in English and Simplified Chinese, with and without its value."""

from dataclasses import dataclass

from risk.features.declarations import (
    ABROAD,
    BAD,
    DAY,
    DECLARED,
    HOUR,
    SMALL,
    Declaration,
    Entity,
    Fact,
    Feature,
    Filter,
    Ratio,
    Source,
    Statistic,
    Unit,
)
from risk.features.links import LINK_LABELS, Link


@dataclass(frozen=True)
class Wording:
    """One text in both languages of the house."""

    en: str
    zh_hans: str


_ON = {
    Entity.BUYER: Wording("by this buyer", "该买家"),
    Entity.DEVICE: Wording("on this device", "该设备"),
    Entity.CARD: Wording("with this card", "该银行卡"),
    Entity.ADDRESS: Wording("to this address", "该地址"),
    Entity.IP: Wording("from this IP address", "该 IP 地址"),
    Entity.MERCHANT: Wording("at this merchant", "该商家"),
}
_ONE = {
    Entity.BUYER: Wording("buyer", "位买家"),
    Entity.DEVICE: Wording("device", "台设备"),
    Entity.CARD: Wording("card", "张银行卡"),
    Entity.ADDRESS: Wording("address", "个地址"),
    Entity.IP: Wording("IP address", "个 IP 地址"),
    Entity.MERCHANT: Wording("merchant", "家商家"),
}
_PLURAL = {"address": "addresses", "IP address": "IP addresses"}
_FACTS = {
    "order_amount_minor": Wording("Order amount", "订单金额"),
    "order_line_count": Wording("Lines in the order", "订单行数"),
    "order_item_count": Wording("Items in the order", "商品件数"),
    "order_hour": Wording("Hour of the order (UTC)", "下单时刻（UTC）"),
    "order_weekday": Wording("Weekday of the order", "下单星期"),
    "order_is_weekend": Wording("Ordered at the weekend", "周末下单"),
    "order_is_night": Wording("Ordered at night", "夜间下单"),
    "order_countries_differ": Wording("Billing and shipping countries differ", "账单与收货国家不同"),
    "buyer_account_age_hours": Wording("Age of the buyer's account", "买家账户时长"),
}
# What is counted, by source and filter: as a heading, and after its number for one and for several.
_COUNTED: dict[tuple[Source, Filter | None], tuple[Wording, str, str, str]] = {
    (Source.ORDERS, None): (Wording("Orders", "订单数"), "order", "orders", "笔订单"),
    (Source.ORDERS, SMALL): (
        Wording("Small orders", "小额订单数"), "small order", "small orders", "笔小额订单",
    ),
    (Source.ORDERS, ABROAD): (
        Wording("Orders to another country than the card's", "收货国与发卡国不同的订单数"),
        "order to another country than the card's",
        "orders to another country than the card's",
        "笔收货国与发卡国不同的订单",
    ),
    (Source.LABELS, None): (
        Wording("Known outcomes", "已知结果数"), "known outcome", "known outcomes", "笔已知结果",
    ),
    (Source.LABELS, BAD): (Wording("Bad outcomes", "坏单数"), "bad outcome", "bad outcomes", "笔坏单"),
    (Source.OUTCOMES, None): (
        Wording("Matured outcomes", "已成熟结果数"), "matured outcome", "matured outcomes", "笔已成熟结果",
    ),
    (Source.OUTCOMES, BAD): (
        Wording("Matured bad outcomes", "已成熟坏单数"),
        "matured bad outcome",
        "matured bad outcomes",
        "笔已成熟坏单",
    ),
}  # fmt: skip
_AMOUNTS = {
    Statistic.SUM: Wording("Amount ordered", "下单金额"),
    Statistic.MAX: Wording("Largest order", "最大订单金额"),
    Statistic.STD: Wording("Spread of order amounts", "订单金额标准差"),
    Statistic.SECONDS_SINCE: Wording("Time since the last order", "距上一笔订单的时间"),
}
_RATIO_STEMS = {
    "matured_bad_share": Wording("Share of bad among matured outcomes", "已成熟结果中坏单占比"),
    "bad_share": Wording("Share of bad outcomes", "坏单占比"),
    "_max_": Wording("Order amount against the largest order", "订单金额与最大订单金额之比"),
    "order_amount_to": Wording("Order amount against the mean order", "订单金额与平均订单金额之比"),
    "mean_amount": Wording("Mean order amount", "平均订单金额"),
}


def label(declaration: Declaration) -> Wording:
    """Return what the input is, without its value.

    >>> from risk.features.declarations import DECLARED
    >>> label(DECLARED["device_cards_24h_distinct"])
    Wording(en='Different cards on this device in 24 h', zh_hans='该设备 24 小时内不同银行卡数')
    >>> label(DECLARED["merchant_bad_share_7d"]).en
    'Share of bad outcomes at this merchant in 7 days'
    """
    if isinstance(declaration, Fact):
        return _FACTS[declaration.name]
    if isinstance(declaration, Link):
        return Wording(*LINK_LABELS[declaration.name])
    if isinstance(declaration, Ratio):
        return _ratio_label(declaration)
    what = _what(declaration)
    on, window = _ON[declaration.entity], _window(declaration.window_minutes, declaration.delay_minutes)
    return Wording(f"{what.en} {on.en} in {window.en}", f"{on.zh_hans} {window.zh_hans}内{what.zh_hans}")


def sentence(feature: Feature, value: float) -> Wording:
    """Return what was counted, with its number; amounts stay to the caller, who knows the currency.

    >>> from risk.features.declarations import DECLARED
    >>> sentence(DECLARED["device_cards_24h_distinct"], 3)
    Wording(en='3 different cards on this device in 24 h', zh_hans='该设备 24 小时内有 3 张不同的银行卡')
    >>> sentence(DECLARED["buyer_orders_30d_count"], 1).en
    '1 order by this buyer in 30 days'
    """
    if feature.unit is not Unit.COUNT:
        raise ValueError(f"{feature.name} is not a count.")
    number = f"{value:,.0f}+" if feature.cap is not None and value >= feature.cap else f"{value:,.0f}"
    counted = _counted(feature, number, is_one=value == 1)
    on, window = _ON[feature.entity], _window(feature.window_minutes, feature.delay_minutes)
    return Wording(
        f"{counted.en} {on.en} in {window.en}", f"{on.zh_hans} {window.zh_hans}内有 {counted.zh_hans}"
    )


def _what(feature: Feature) -> Wording:
    if feature.of is not None:
        one = _ONE[feature.of]
        return Wording(f"Different {_several(one.en)}", f"不同{one.zh_hans[1:].strip()}数")
    if feature.statistic in _AMOUNTS:
        return _AMOUNTS[feature.statistic]
    return _COUNTED[feature.source, feature.where][0]


def _counted(feature: Feature, number: str, *, is_one: bool) -> Wording:
    if feature.of is not None:
        one = _ONE[feature.of]
        en = one.en if is_one else f"different {_several(one.en)}"
        return Wording(f"{number} {en}", f"{number} {one.zh_hans[0]}不同的{one.zh_hans[1:].strip()}")
    _, one_en, several_en, zh_hans = _COUNTED[feature.source, feature.where]
    return Wording(f"{number} {one_en if is_one else several_en}", f"{number} {zh_hans}")


def _ratio_label(ratio: Ratio) -> Wording:
    stem = next(wording for part, wording in _RATIO_STEMS.items() if part in ratio.name)
    measured = _history_of(ratio)
    on, window = _ON[measured.entity], _window(measured.window_minutes, measured.delay_minutes)
    return Wording(f"{stem.en} {on.en} in {window.en}", f"{on.zh_hans} {window.zh_hans}内{stem.zh_hans}")


def _history_of(ratio: Ratio) -> Feature:
    """Return the feature that a ratio is of in the end: what it divides by may be a ratio itself."""
    whole = DECLARED[ratio.whole]
    while isinstance(whole, Ratio):
        whole = DECLARED[whole.whole]
    assert isinstance(whole, Feature)
    return whole


def _window(minutes: int, delay_minutes: int = 0) -> Wording:
    if minutes < HOUR:
        return Wording(f"{minutes} min", f"{minutes} 分钟")
    if minutes <= DAY:
        return Wording(f"{minutes // HOUR} h", f"{minutes // HOUR} 小时")
    days, delay = minutes // DAY, delay_minutes // DAY
    if delay:
        return Wording(f"{days} days until {delay} days ago", f"截至 {delay} 天前的 {days} 天")
    return Wording(f"{days} days", f"{days} 天")


def _several(noun: str) -> str:
    return _PLURAL.get(noun, f"{noun}s")
