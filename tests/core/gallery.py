"""Sample values for components/gallery.html, which shows every component once."""

from datetime import UTC, datetime, timedelta

from django import forms


class SampleForm(forms.Form):
    """One field of every layout."""

    company = forms.CharField(label="Company name", help_text="As it stands in the register.")
    registration_number = forms.CharField(label="Registration number")
    country = forms.ChoiceField(label="Country", choices=[("CN", "China"), ("DE", "Germany")])
    price = forms.DecimalField(label="Price", required=False)
    about = forms.CharField(label="What you sell", widget=forms.Textarea, required=False)
    kind = forms.ChoiceField(
        label="Kind of company",
        widget=forms.RadioSelect,
        choices=[("company", "Company"), ("sole", "Sole trader")],
    )
    licence = forms.FileField(label="Business licence", help_text="Only our reviewers see it.")
    terms = forms.BooleanField(label="I accept the seller terms")


def gallery_context(now: datetime = datetime(2025, 11, 20, 9, 30, tzinfo=UTC)) -> dict[str, object]:
    """Return everything the gallery shows."""
    return {
        "now": now,
        "five_minutes_ago": now - timedelta(minutes=5),
        "in_three_hours": now + timedelta(hours=3),
        "yesterday": now - timedelta(hours=26),
        "form": SampleForm(),
        "broken_form": SampleForm({"registration_number": "12", "country": "CN", "kind": "company"}),
        "samples": [12, 14, 13, 17, 16, 21, 19, 24, 23, 29, 27, 31],
        "reasons": [
            {"label": "Third card on this device in 24 h", "value": 1.42, "detail": "3 cards"},
            {"label": "Shipping address is new for this buyer", "value": 0.61, "detail": "first order there"},
            {"label": "Amount above the merchant's usual range", "value": 0.38, "detail": "4.1 × median"},
            {"label": "Buyer has paid without trouble before", "value": -0.74, "detail": "11 orders in 30 d"},
        ],
        "events": [
            {"at": now - timedelta(minutes=5), "title": "Claimed", "tone": "progress", "actor": "Lin Wei"},
            {"at": now - timedelta(minutes=31), "title": "Held for review", "tone": "waits",
             "text": "Score 83, two rules matched."},
            {"at": now - timedelta(minutes=31), "title": "Received", "actor": "Partner API"},
        ],
        "tabs": [
            {"label": "To accept", "href": "?tab=accept", "count": 12, "is_current": True},
            {"label": "To ship", "href": "?tab=ship", "count": 31, "is_current": False},
            {"label": "On hold", "href": "?tab=hold", "count": 2, "is_current": False},
            {"label": "All", "href": "?tab=all", "count": None, "is_current": False},
        ],
        "changes": [
            ("Title", "Walnut desk lamp, brass", "Walnut desk lamp, brushed brass"),
            ("Price", "49.90 EUR", "44.90 EUR"),
            ("Stock", 12, 12),
        ],
        "facts": [("Buyer since", "March 2024"), ("Orders", "11 in 30 d"), ("Phone", None)],
        "steps": ["Company", "Bank account", "Documents", "Check and send"],
        "statuses": ["received", "awaiting_acceptance", "on_hold", "shipped", "completed", "declined"],
        "chart": {
            "kind": "line",
            "unit": "",
            "x": ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
            "series": [{"name": "Orders", "values": [41, 44, 39, 52, 61, 70, 66],
                        "low": [35, 38, 33, 45, 52, 60, 55], "high": [47, 50, 46, 60, 71, 82, 78]}],
        },
    }  # fmt: skip
