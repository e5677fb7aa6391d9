"""axe-core on a page: what stands in the way of a keyboard, a screen reader or weak eyes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

_AXE = (Path(__file__).parent / "vendor" / "axe-core-4.14.1" / "axe.min.js").read_text()
_LEVELS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
# Swagger's own page inside ours has colours that we cannot mend.
_OURS = {"include": ["body"], "exclude": [".swagger-ui"]}
_GRAVE = {"serious", "critical"}


def find_barriers(page: Page, *, rules: Sequence[str] = ()) -> list[str]:
    """Return a line for each serious or critical violation; `rules` asks for these alone."""
    # Evaluated from outside, so the page's security policy need not let it in.
    page.evaluate(f"window.axe || (() => {{ {_AXE} }})()")
    only: dict[str, Any] = (
        {"type": "rule", "values": list(rules)} if rules else {"type": "tag", "values": list(_LEVELS)}
    )
    found = page.evaluate(
        "([here, only]) => axe.run(here, { runOnly: only, resultTypes: ['violations'] })", [_OURS, only]
    )
    return [
        f"{violation['id']} ({violation['impact']}): {node['html'][:160]} — {node['failureSummary']}"
        for violation in found["violations"]
        if violation["impact"] in _GRAVE
        for node in violation["nodes"]
    ]
