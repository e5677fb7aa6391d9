"""Language, theme and small screens: chosen once, kept, and usable with a thumb."""

from playwright.sync_api import expect

from .scenes import fill_the_shop, make_shop, open_for_business
from .windows import PHONE, OpenWindow, Window


def test_the_language_stays_chosen(window: Window) -> None:
    owner, _ = make_shop()
    window.is_signed_in_as(owner).open("/portal/listings/")
    window.press("简体中文")
    window.heads("商品")
    assert window.page.url.endswith("/portal/listings/")
    window.open("/portal/")
    expect(window.page.locator("html")).to_have_attribute("lang", "zh-Hans")
    expect(window.page.get_by_role("navigation").get_by_text("订单")).to_be_visible()
    window.press("English")
    expect(window.page.locator("html")).to_have_attribute("lang", "en")


def test_the_theme_stays_chosen_and_follows_the_system_until_then(open_window: OpenWindow) -> None:
    window = open_window(theme="dark").open("/")
    root = window.page.locator("html")
    expect(root).to_have_attribute("data-bs-theme", "dark")
    choose_theme(window, "Light")
    expect(root).to_have_attribute("data-bs-theme", "light")
    window.open("/accounts/login/")
    expect(root).to_have_attribute("data-bs-theme", "light")
    assert brightness(window) > 200
    choose_theme(window, "Dark")
    window.page.reload()
    expect(root).to_have_attribute("data-bs-theme", "dark")
    assert brightness(window) < 60


def test_on_a_phone_the_navigation_is_a_drawer(open_window: OpenWindow) -> None:
    owner, _ = make_shop()
    window = open_window(size=PHONE).is_signed_in_as(owner).open("/portal/")
    listings = window.page.locator("#nav").get_by_role("link", name="Listings")
    toggle = window.page.get_by_role("button", name="Open navigation")
    expect(listings).to_be_hidden()
    toggle.click()
    expect(listings).to_be_visible()
    expect(toggle).to_have_attribute("aria-expanded", "true")
    window.type("Escape")
    expect(listings).to_be_hidden()
    toggle.click()
    listings.click()
    window.heads("Listings")


def test_on_a_phone_orders_are_cards_with_their_next_action(open_window: OpenWindow) -> None:
    open_for_business()
    owner, shop = make_shop()
    fill_the_shop(shop)
    window = open_window(size=PHONE).is_signed_in_as(owner).open("/portal/orders/")
    expect(window.main.locator("thead th").first).not_to_be_in_viewport()
    cards = window.main.locator("tbody tr")
    expect(cards).to_have_count(4)
    for card in cards.all():
        box = card.bounding_box()
        assert box is not None
        assert box["width"] > 300
    free = cards.filter(has_text="64.00").first
    expect(free.get_by_text("Total")).to_have_count(0)  # named by style, not by another heading
    accept = free.get_by_role("button", name="Accept")
    box = accept.bounding_box()
    assert box is not None
    assert box["height"] >= 24  # WCAG 2.2, target size
    accept.click()
    window.is_told("accepted")


def choose_theme(window: Window, name: str) -> None:
    window.page.locator("summary[aria-label=Display]").click()
    window.press(name)
    window.type("Escape")


def brightness(window: Window) -> float:
    """Return how light the page's ground is, 0–255."""
    colour: str = window.page.evaluate("getComputedStyle(document.body).backgroundColor")
    parts = [float(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    return sum(parts) / len(parts)
