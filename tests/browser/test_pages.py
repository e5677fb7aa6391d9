"""Every page that can be reached from a door: it fits a phone, and nothing bars anybody's way."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from django.urls import Resolver404, resolve

from accounts.models import Role, User

from .accessibility import find_barriers
from .console_pages import list_page_paths
from .scenes import (
    fill_the_desk_of_a_reviewer,
    fill_the_desk_of_an_analyst,
    fill_the_shop,
    make_person,
    make_shop,
    open_for_business,
)
from .windows import PHONE, OpenWindow, Window

SMALL_PHONE = (320, 640)
# Files and other programs' pages; the documents open in the browser's own viewer.
_NO_PAGES = {"portal:application_document", "portal:listing_image", "api:openapi"}
DOORS = {"stranger": "/", "portal": "/portal/", "console": "/console/"}


@pytest.mark.parametrize("door", DOORS)
def test_no_page_bars_anybodys_way(open_window: OpenWindow, door: str) -> None:
    barriers = []
    # axe itself writes style attributes, which the policy would report; the other visits listen to it.
    for window in visit(open_window(bypass_csp=True), door):
        for theme in ("light", "dark"):
            window.page.emulate_media(color_scheme=theme)
            rules = () if theme == "light" else ("color-contrast",)
            barriers += [
                f"{path_of(window)} {theme}: {text}" for text in find_barriers(window.page, rules=rules)
            ]
        window.page.emulate_media(color_scheme="light")
    assert not barriers, "\n".join(barriers)


@pytest.mark.parametrize("language", ["en-GB", "zh-CN"])
@pytest.mark.parametrize("door", DOORS)
def test_no_page_is_wider_than_a_phone(open_window: OpenWindow, door: str, language: str) -> None:
    too_wide = []
    for window in visit(open_window(language=language, size=PHONE), door):
        for width, height in (SMALL_PHONE, PHONE):
            window.page.set_viewport_size({"width": width, "height": height})
            if excess := window.overflow():
                too_wide.append(f"{path_of(window)} is {excess} pixels too wide at {width}")
    assert not too_wide, "\n".join(too_wide)


# ── The way through a door ───────────────────────────────────────────────────────────────────────
def visit(window: Window, door: str) -> Iterator[Window]:
    """Open each kind of page that links lead to, from the door's first page; of the console all there are."""
    person = _someone_behind(door)
    if person is not None:
        window.is_signed_in_as(person)
    if door == "console":
        assert person is not None
        paths = list_page_paths(person)
        assert len(paths) >= 36, paths
        for path in paths:
            yield window.open(path)
        return
    start = DOORS[door]
    seen, waiting = {resolve(start).view_name}, [start]
    while waiting:
        window.open(waiting.pop(0))
        yield window
        for path in links_of(window):
            name = _view_name(path)
            if name and name not in seen and _belongs_to(door, path):
                seen.add(name)
                waiting.append(path)
    assert len(seen) >= _PAGES_AT_LEAST[door], seen


# Far fewer means that a link has gone, and its pages are no longer looked at.
_PAGES_AT_LEAST = {"stranger": 4, "portal": 6}


def links_of(window: Window) -> list[str]:
    """Return the site's own addresses that the page links to, in order."""
    addresses: list[str] = window.page.eval_on_selector_all("a[href]", "all => all.map(a => a.href)")
    return [address.removeprefix(window.site) for address in addresses if address.startswith(window.site)]


def path_of(window: Window) -> str:
    return urlsplit(window.page.url).path


def _someone_behind(door: str) -> User | None:
    open_for_business()
    owner, shop = make_shop()
    fill_the_shop(shop)
    if door == "portal":
        return owner
    if door == "console":
        fill_the_desk_of_an_analyst()
        roles = (Role.REVIEWER, Role.SENIOR_REVIEWER, Role.RISK_ANALYST)
        robin = make_person(*roles, email="robin@example.com", name="Robin Park")
        fill_the_desk_of_a_reviewer(robin)
        return robin
    return None


def _view_name(path: str) -> str:
    """Return the name of the view behind an address, "" for what is no page of ours."""
    try:
        name = resolve(urlsplit(path).path).view_name
    except Resolver404:
        return ""
    return "" if name in _NO_PAGES else name


def _belongs_to(door: str, path: str) -> bool:
    """Tell whether these visits are the ones to look at a page; what all doors share is looked at once."""
    if door == "stranger":
        return not path.startswith(("/portal/", "/console/", "/admin/"))
    return path.startswith(DOORS[door]) or (door == "portal" and path.startswith("/accounts/"))
