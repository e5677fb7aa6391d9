"""How a declared input reads on a page, in English and Simplified Chinese, with and without its value."""

from dataclasses import dataclass

from risk.features.declarations import (
    DAY,
    Declaration,
    Entity,
    Fact,
    Feature,
    Ratio,
    Source,
    Statistic,
    Unit,
    Where,
)


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
_RATIO_STEMS = {
    "bad_share": Wording("Share of bad outcomes", "坏单占比"),
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
    if isinstance(declaration, Ratio):
        return _ratio_label(declaration)
    what = _what(declaration)
    on, window = _ON[declaration.entity], _window(declaration.window_hours)
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
    on, window = _ON[feature.entity], _window(feature.window_hours)
    return Wording(
        f"{counted.en} {on.en} in {window.en}", f"{on.zh_hans} {window.zh_hans}内有 {counted.zh_hans}"
    )


def _what(feature: Feature) -> Wording:
    if feature.of is not None:
        one = _ONE[feature.of]
        return Wording(f"Different {_several(one.en)}", f"不同{one.zh_hans[1:].strip()}数")
    if feature.statistic is Statistic.SUM:
        return Wording("Amount ordered", "下单金额")
    if feature.source is Source.ORDERS:
        return Wording("Orders", "订单数")
    if feature.where is Where.BAD:
        return Wording("Bad outcomes", "坏单数")
    return Wording("Known outcomes", "已知结果数")


def _counted(feature: Feature, number: str, *, is_one: bool) -> Wording:
    if feature.of is not None:
        one = _ONE[feature.of]
        en = one.en if is_one else f"different {_several(one.en)}"
        return Wording(f"{number} {en}", f"{number} {one.zh_hans[0]}不同的{one.zh_hans[1:].strip()}")
    if feature.source is Source.ORDERS:
        return Wording(f"{number} order{'' if is_one else 's'}", f"{number} 笔订单")
    plural = "" if is_one else "s"
    if feature.where is Where.BAD:
        return Wording(f"{number} bad outcome{plural}", f"{number} 笔坏单")
    return Wording(f"{number} known outcome{plural}", f"{number} 笔已知结果")


def _ratio_label(ratio: Ratio) -> Wording:
    stem = next(wording for part, wording in _RATIO_STEMS.items() if part in ratio.name)
    whole = ratio.whole.removesuffix("_count").split("_")
    on, window = _ON[Entity(whole[0])], _window_named(whole[-1])
    return Wording(f"{stem.en} {on.en} in {window.en}", f"{on.zh_hans} {window.zh_hans}内{stem.zh_hans}")


def _window_named(name: str) -> Wording:
    return _window(int(name[:-1]) * (DAY if name.endswith("d") else 1))


def _window(hours: int) -> Wording:
    if hours <= DAY:
        return Wording(f"{hours} h", f"{hours} 小时")
    return Wording(f"{hours // DAY} days", f"{hours // DAY} 天")


def _several(noun: str) -> str:
    return _PLURAL.get(noun, f"{noun}s")
