"""Rules of a version: figures, filters, order, life cycle, differences, approval, policy."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role, User
from console.rule_hits import count_hits
from core.ids import encode
from core.refs import Ref
from risk.models import Brake, LabelSource, RuleSet, RuleSetStatus
from risk.rules.engine import Effect
from risk.services import copy_to_draft, delete_rule, record_label, save_policy, save_rule
from tests.console.conftest import SignIn
from tests.console.scenes import held_case, subject_of
from tests.make import make_backtest, make_live_ruleset, make_rule, make_user

pytestmark = pytest.mark.django_db

Queries = Callable[[int], Any]
# What each page asked for when it was written; a query more is a decision, not an accident.
PAGE_QUERIES = {"ruleset": 20, "policy": 13, "ruleset-compare": 12, "ruleset-approve": 19, "rule-new": 12}


@pytest.fixture
def author() -> User:
    return make_user(Role.RISK_ANALYST, name="Ana Ruiz")


@pytest.fixture
def analyst(sign_in: SignIn, author: User) -> Client:
    return sign_in(user=author)


@pytest.fixture
def second(sign_in: SignIn) -> Client:
    return sign_in(user=make_user(Role.RISK_ANALYST, name="Bo Chen"))


@pytest.fixture
def draft(author: User) -> RuleSet:
    live = make_live_ruleset(
        make_rule("order.amount > 1000", code="R-DEAR", group="Amounts"),
        make_rule("order.amount > 9", Effect.POINTS, code="R-MANY", name="Nearly everything"),
    )
    return copy_to_draft(live, author=author)


def url(name: str, ruleset: RuleSet, *more: str) -> str:
    return reverse(f"console:{name}", args=[encode("rst", ruleset.pk), *more])


def codes_of(answer: Any) -> list[str]:
    return [row.rule.code for _group, rows in answer.context["groups"] for row in rows]


# ── The page of a version ────────────────────────────────────────────────────────────────────────
def test_rules_stand_in_their_groups(analyst: Client, draft: RuleSet) -> None:
    groups = analyst.get(url("ruleset", draft)).context["groups"]
    assert [(group, [row.rule.code for row in rows]) for group, rows in groups] == [
        ("Amounts", ["R-DEAR"]),
        ("", ["R-MANY"]),
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"q": "nearly every"}, ["R-MANY"]),
        ({"q": "1,000.00"}, ["R-DEAR"]),
        ({"effect": "points"}, ["R-MANY"]),
        ({"mode": "shadow"}, []),
        ({"effect": "nonsense"}, ["R-DEAR", "R-MANY"]),
    ],
    ids=["name", "words of the condition", "effect", "mode", "unknown choice"],
)
def test_filters_narrow_the_rules(
    query: dict[str, str], expected: list[str], analyst: Client, draft: RuleSet
) -> None:
    assert codes_of(analyst.get(url("ruleset", draft), query)) == expected


def test_precision_counts_what_matches_proved_to_be() -> None:
    cases = [held_case() for _ in range(3)]
    for case, is_bad in zip(cases, (True, False), strict=False):
        record_label(
            subject_of(case),
            is_bad=is_bad,
            source=LabelSource.VERDICT,
            occurred_at=timezone.now(),
            known_at=timezone.now(),
        )
    live = RuleSet.objects.get(status=RuleSetStatus.LIVE)
    hits = count_hits(live, list(live.rules.all()), at=timezone.now(), days=30).by_code["R-DEAR"]
    assert (hits.matched.part, hits.matched.whole) == (3, 3)
    assert (hits.precision.part, hits.precision.whole, hits.precision.is_small) == (1, 2, True)
    assert hits.daily[-1] == 1.0


def test_draft_shows_the_figures_of_rules_it_kept(author: User) -> None:
    held_case()
    draft = copy_to_draft(RuleSet.objects.get(status=RuleSetStatus.LIVE), author=author)
    rule = make_rule("order.amount >= 10", code="R-CARD", reason_code="other")
    save_rule(draft, rule, author=author)
    by_code = count_hits(draft, list(draft.rules.all()), at=timezone.now(), days=30).by_code
    assert set(by_code) == {"R-DEAR"}


def test_braked_rule_is_marked(analyst: Client, draft: RuleSet) -> None:
    Brake.objects.create(subject="order", rule_code="R-DEAR", cause="hold_cap", pulled_at=timezone.now())
    assert "Braked" in analyst.get(url("ruleset", draft)).content.decode()


def test_rule_moves_and_stays_at_the_edge(analyst: Client, draft: RuleSet) -> None:
    analyst.post(url("rule-move", draft, "R-MANY"), {"direction": "up"})
    assert codes_of(analyst.get(url("ruleset", draft))) == ["R-MANY", "R-DEAR"]
    analyst.post(url("rule-move", draft, "R-MANY"), {"direction": "up"})
    assert [rule.code for rule in draft.rules.all()] == ["R-MANY", "R-DEAR"]


@pytest.mark.parametrize("name", PAGE_QUERIES)
def test_page_asks_no_more_than_its_baseline(
    name: str, analyst: Client, draft: RuleSet, django_assert_max_num_queries: Queries
) -> None:
    with django_assert_max_num_queries(PAGE_QUERIES[name]):
        assert analyst.get(url(name, draft)).status_code == 200


def test_more_rules_cost_no_more_queries(
    analyst: Client, author: User, django_assert_max_num_queries: Queries
) -> None:
    many = [make_rule(f"order.amount > {n}", code=f"R-{n:03}") for n in range(40)]
    live = make_live_ruleset(*many)
    with django_assert_max_num_queries(PAGE_QUERIES["ruleset"]):
        assert analyst.get(url("ruleset", live)).status_code == 200


# ── Life cycle ───────────────────────────────────────────────────────────────────────────────────
def test_untested_draft_asks_for_its_backtest(
    analyst: Client, second: Client, author: User, draft: RuleSet
) -> None:
    delete_rule(draft, "R-MANY", author=author)
    for client in (analyst, second):
        answer = client.get(url("ruleset", draft))
        assert answer.context["way"].next == "backtest"
        assert "needs a backtest of exactly this version" in answer.content.decode()
        assert url("ruleset-approve", draft) not in answer.content.decode()


def test_tested_draft_is_approved_by_a_second_person_only(
    analyst: Client, second: Client, draft: RuleSet
) -> None:
    make_backtest(draft, at=timezone.now())
    own = analyst.get(url("ruleset", draft)).content.decode()
    assert "A second person has to approve it" in own
    assert url("ruleset-approve", draft) not in own
    assert analyst.post(url("ruleset-approve", draft)).status_code == 422
    assert url("ruleset-approve", draft) in second.get(url("ruleset", draft)).content.decode()
    second.post(url("ruleset-approve", draft))
    assert RuleSet.objects.get(status=RuleSetStatus.LIVE).pk == draft.pk


def test_edit_after_the_backtest_asks_for_another(second: Client, author: User, draft: RuleSet) -> None:
    make_backtest(draft, at=timezone.now())
    delete_rule(draft, "R-MANY", author=author)
    assert second.get(url("ruleset", draft)).context["way"].next == "backtest"
    answer = second.post(url("ruleset-approve", draft))
    assert answer.status_code == 422
    assert RuleSet.objects.get(pk=draft.pk).status == RuleSetStatus.DRAFT


def test_stale_backtest_opens_no_way(second: Client, draft: RuleSet) -> None:
    make_backtest(draft, at=timezone.now() - timedelta(days=8))
    way = second.get(url("ruleset", draft)).context["way"]
    assert way.next == "backtest"
    assert "older than 7 days" in way.reasons[0]


def test_approval_for_a_moment_schedules_and_can_be_taken_back(second: Client, draft: RuleSet) -> None:
    make_backtest(draft, at=timezone.now())
    moment = timezone.now() + timedelta(days=2)
    second.post(url("ruleset-approve", draft), {"starts_at": f"{moment:%Y-%m-%dT%H:%M}"})
    assert RuleSet.objects.get(pk=draft.pk).status == RuleSetStatus.SCHEDULED
    assert url("ruleset-withdraw", draft) in second.get(url("ruleset", draft)).content.decode()
    second.post(url("ruleset-withdraw", draft))
    assert RuleSet.objects.get(pk=draft.pk).status == RuleSetStatus.DRAFT


def test_live_version_offers_the_way_back(second: Client, sign_in: SignIn, draft: RuleSet) -> None:
    first = RuleSet.objects.get(status=RuleSetStatus.LIVE)
    make_backtest(draft, at=timezone.now())
    second.post(url("ruleset-approve", draft))
    page = sign_in(Role.RISK_ANALYST).get(url("ruleset", draft)).content.decode()
    assert url("ruleset-approve", first) in page
    sign_in(Role.RISK_ANALYST).post(url("ruleset-approve", first))
    assert RuleSet.objects.get(status=RuleSetStatus.LIVE).pk == first.pk


def test_unreadable_draft_says_which_rule(analyst: Client, draft: RuleSet) -> None:
    draft.rules.filter(code="R-MANY").update(condition="order.amuont > 1")
    answer = analyst.get(url("ruleset", draft))
    assert "R-MANY" in answer.context["way"].reasons[0]


# ── Differences ──────────────────────────────────────────────────────────────────────────────────
def test_comparison_shows_what_changed_word_by_word(analyst: Client, author: User, draft: RuleSet) -> None:
    save_rule(draft, make_rule("order.amount > 2000", code="R-DEAR", group="Amounts"), author=author)
    save_rule(draft, make_rule("order.has_card", code="R-NEW"), author=author)
    delete_rule(draft, "R-MANY", author=author)
    answer = analyst.get(url("ruleset-compare", draft))
    comparison = answer.context["comparison"]
    assert {one.rule.code: one.kind for one in comparison.rules} == {
        "R-DEAR": "changed",
        "R-NEW": "added",
        "R-MANY": "removed",
    }
    assert "<del>1000</del>" in answer.content.decode()
    assert "<ins>2000</ins>" in answer.content.decode()


def test_equal_versions_say_so(analyst: Client, draft: RuleSet) -> None:
    assert "The two versions judge alike." in analyst.get(url("ruleset-compare", draft)).content.decode()


def test_comparison_with_another_subject_falls_back(analyst: Client, draft: RuleSet) -> None:
    other = make_live_ruleset(make_rule("listing.price > 1", code="R-L"), subject="listing")
    answer = analyst.get(url("ruleset-compare", draft), {"with": encode("rst", other.pk)})
    assert answer.context["comparison"].old.subject == "order"


# ── Policy ───────────────────────────────────────────────────────────────────────────────────────
POLICY = {
    "review_at": "20",
    "decline_at": "90",
    "points_review_at": "40",
    "points_decline_at": "120",
    "review_share": "2.5",
    "holds_per_hour": "100",
}


def test_policy_of_a_draft_is_saved_in_the_units_of_people(analyst: Client, draft: RuleSet) -> None:
    analyst.post(url("policy", draft), POLICY)
    draft.refresh_from_db()
    assert draft.policy["thresholds"] == {
        "review_at": 0.2,
        "decline_at": 0.9,
        "points_review_at": 40,
        "points_decline_at": 120,
        "may_decline_on_score": False,
    }
    assert (draft.policy["review_share"], draft.policy["holds_per_hour"]) == (0.025, 100)


@pytest.mark.parametrize(
    "change",
    [{"review_at": "95"}, {"points_decline_at": "40"}, {"review_share": "101"}, {"decline_at": ""}],
    ids=["score", "points", "share", "nothing"],
)
def test_policy_that_contradicts_itself_is_refused(
    change: dict[str, str], analyst: Client, draft: RuleSet
) -> None:
    before = draft.policy
    assert analyst.post(url("policy", draft), {**POLICY, **change}).status_code == 422
    draft.refresh_from_db()
    assert draft.policy == before


def test_rule_of_a_published_version_is_shown_among_its_others(analyst: Client, draft: RuleSet) -> None:
    live = RuleSet.objects.get(status=RuleSetStatus.LIVE)
    rule = live.rules.first()
    assert rule is not None
    answer = analyst.get(url("rule", live, rule.code))
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{url('ruleset', live)}?q={rule.code}")
    assert analyst.post(url("rule", live, rule.code)).status_code == 409


def test_policy_of_a_published_version_is_not_edited(analyst: Client, draft: RuleSet) -> None:
    live = RuleSet.objects.get(status=RuleSetStatus.LIVE)
    assert analyst.post(url("policy", live), POLICY).status_code == 409


def test_reviewer_reads_a_policy_and_does_not_write_it(page: Client, draft: RuleSet) -> None:
    assert page.get(url("policy", draft)).status_code == 200
    assert page.post(url("policy", draft), POLICY).status_code == 403


def test_preview_counts_what_thresholds_would_do(sign_in: SignIn) -> None:
    held_case()  # scored 0.12
    live = RuleSet.objects.get(status=RuleSetStatus.LIVE)
    client = sign_in(Role.RISK_ANALYST)
    answer = client.post(url("policy-preview", live), {**POLICY, "review_at": "10", "decline_at": "50"})
    assert answer.context["outcomes"].score_reviewed.part == 1
    contradicting = client.post(url("policy-preview", live), {**POLICY, "review_at": "99"})
    assert contradicting.context["outcomes"].score_reviewed.part == 0


def test_policy_change_shows_in_the_comparison(analyst: Client, author: User, draft: RuleSet) -> None:
    from console.rule_forms import PolicyForm
    from risk.rulesets import policy_of

    form = PolicyForm.of(policy_of(draft.policy), POLICY)
    assert form.is_valid()
    save_policy(draft, form.policy(), author=author)
    labels = [
        str(label) for label, *_ in analyst.get(url("ruleset-compare", draft)).context["comparison"].policy
    ]
    assert "Review from score" in labels


# ── The editor ───────────────────────────────────────────────────────────────────────────────────
def test_editor_offers_every_field_with_both_languages_and_real_values(sign_in: SignIn, author: User) -> None:
    held_case(total="1234.00")
    draft = copy_to_draft(RuleSet.objects.get(status=RuleSetStatus.LIVE), author=author)
    answer = sign_in(user=author).get(url("rule-new", draft))
    fields = {entry.name: entry for entry in answer.context["fields"]}
    assert fields["order.amount"].other == "订单总额"
    assert fields["order.amount"].examples == ["1,234.00 CNY"]
    assert fields["order.currency"].examples == ['"CNY"']
    assert fields["order.card_country"].missing == 1.0


def test_trial_counts_matches_and_what_they_proved_to_be(sign_in: SignIn, author: User) -> None:
    cases = [held_case(total=total) for total in ("1200.00", "1500.00", "3000.00")]
    record_label(
        Ref("order", cases[2].subject_id),
        is_bad=True,
        source=LabelSource.CHARGEBACK,
        occurred_at=timezone.now(),
        known_at=timezone.now(),
    )
    draft = copy_to_draft(RuleSet.objects.get(status=RuleSetStatus.LIVE), author=author)
    client = sign_in(user=author)
    trial = client.post(url("condition-try", draft), {"condition": "order.amount > 1400"}).context["trial"]
    assert (trial.asked, trial.matched, trial.missing) == (3, 2, 0)
    assert (trial.bad, trial.good, trial.unknown) == (1, 0, 1)
    assert [match.truth for match in trial.matches] == ["bad", "unknown"]
    missing = client.post(url("condition-try", draft), {"condition": "order.card_country == 'DE'"})
    assert missing.context["trial"].missing == 3


def test_trial_shows_no_fingerprints(analyst: Client, draft: RuleSet) -> None:
    held_case()
    condition = "order.amount > 1000 and order.ip is not missing"
    trial = analyst.post(url("condition-try", draft), {"condition": condition}).context["trial"]
    assert trial.columns == ["Order total"]
    assert all(len(match.values) == 1 for match in trial.matches)


@pytest.mark.parametrize("condition", ["", "order.amount >", "drop table"])
def test_trial_refuses_nothing_worse_than_a_sentence(condition: str, analyst: Client, draft: RuleSet) -> None:
    answer = analyst.post(url("condition-try", draft), {"condition": condition})
    assert answer.status_code == 200
    assert "trial" not in answer.context


def test_reason_is_previewed_in_both_languages(analyst: Client) -> None:
    content = analyst.get(reverse("console:reason-preview"), {"reason_code": "bad_history"}).content.decode()
    assert 'lang="en"' in content
    assert 'lang="zh-Hans"' in content
    assert "safe" in content
    assert analyst.get(reverse("console:reason-preview"), {"reason_code": "nope"}).status_code == 200


def test_rule_with_dates_and_rollout_is_saved(analyst: Client, draft: RuleSet) -> None:
    posted = {
        "code": "R-NEW", "name": "Very dear", "condition": "order.amount > 5000", "effect": "review",
        "reason_code": "amount_unusual", "mode": "shadow", "group": "Amounts", "rollout_percent": "25",
        "starts_at": "2026-12-01T08:00", "ends_at": "2026-12-24T08:00",
    }  # fmt: skip
    analyst.post(url("rule-new", draft), posted)
    rule = draft.rules.get(code="R-NEW")
    assert (rule.group, rule.mode, rule.rollout_percent) == ("Amounts", "shadow", 25)
    assert f"{rule.starts_at:%Y-%m-%d %H:%M}" == "2026-12-01 08:00"
    backwards = {**posted, "ends_at": "2026-11-01T08:00"}
    assert analyst.post(url("rule", draft, "R-NEW"), backwards).status_code == 422


# ── What waits ───────────────────────────────────────────────────────────────────────────────────
def test_navigation_counts_what_this_person_could_approve(
    analyst: Client, second: Client, author: User, draft: RuleSet
) -> None:
    counts = [
        client.get(reverse("console:rules")).context["nav_counts"]["rules"] for client in (analyst, second)
    ]
    assert counts == [0, 0]
    make_backtest(draft, at=timezone.now())
    counts = [
        client.get(reverse("console:rules")).context["nav_counts"]["rules"] for client in (analyst, second)
    ]
    assert counts == [0, 1]
    delete_rule(draft, "R-MANY", author=author)
    assert second.get(reverse("console:rules")).context["nav_counts"]["rules"] == 0
