"""The list of models, and the page of one: its report in words and drawings."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from console.modelling.figures import BY_CODE, interval_of, range_text, value_text
from console.modelling.words import breach_words
from core.ui.formats import number_text
from risk.explain.words import input_words
from risk.models import ShadowScore
from tests.console.model_scenes import compare, href, make_training, make_version, text_of, trained
from tests.console.scenes import held_case
from tests.make import make_model

pytestmark = pytest.mark.django_db


def count_queries(client: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


def test_list_names_the_champion_first_and_since_when(analyst: Client) -> None:
    champion = make_model()
    make_training()
    subjects = {one.subject: one for one in analyst.get(reverse("console:models")).context["subjects"]}
    orders = subjects["order"]
    assert orders.champion.version == champion
    assert orders.since.model_id == champion.pk
    assert [reign.promotion.model_id for reign in orders.reigns] == [champion.pk]
    assert subjects["listing"].champion is None


def test_kinds_of_one_training_stand_side_by_side_with_intervals(analyst: Client) -> None:
    versions = make_training()
    groups = analyst.get(reverse("console:models")).context["subjects"][0].groups
    assert [[row.version.kind for row in group.rows] for group in groups] == [
        ["lightgbm", "logistic", "isolation_forest"]
    ]
    figures = trained().reports["lightgbm"]["models"]["model"]["figures"]
    shown = groups[0].rows[0].figures[0]
    interval = interval_of(figures["average_precision"])
    assert (shown.text, shown.range) == (
        value_text("number", interval.value),
        range_text("number", interval),
    )
    content = text_of(analyst, reverse("console:models"))
    assert all(f"v{version.number}</a>" in content for version in versions)
    assert shown.range in content


def test_figures_stand_beside_the_present_champions_once_compared(analyst: Client) -> None:
    make_model()
    version = make_version()
    comparison = compare(version, against="champion")
    assert comparison.result is not None
    (group,) = [
        one
        for one in analyst.get(reverse("console:models")).context["subjects"][0].groups
        if one.run.pk == version.training_id
    ]
    row = group.rows[0]
    rival = interval_of(comparison.result["figures"]["rival"]["average_precision"])
    assert (row.rival, row.figures[0].rival) == ("champion", value_text("number", rival.value))


def test_list_asks_as_many_queries_for_many_versions(analyst: Client) -> None:
    make_training()
    few = count_queries(analyst, reverse("console:models"))
    for _ in range(3):
        for version in make_training():
            compare(version, passes=False)
    assert count_queries(analyst, reverse("console:models")) == few
    subject = reverse("console:subject-models", args=["order"])
    many = count_queries(analyst, subject)
    make_training()
    assert count_queries(analyst, subject) == many
    assert (few, many) == (15, 11)


def test_older_trainings_are_on_the_subjects_own_page(analyst: Client) -> None:
    trainings = [make_training(status="retired") for _ in range(5)]
    content = text_of(analyst, reverse("console:models"))
    assert reverse("console:subject-models", args=["order"]) in content
    groups = analyst.get(reverse("console:subject-models", args=["order"])).context["groups"]
    assert [len(group.rows) for group in groups] == [3] * 5
    assert groups[0].run == trainings[-1][0].training


@pytest.mark.parametrize("subject", ["merchant", "nonsense"])
def test_subject_that_does_not_learn_has_no_page(subject: str, analyst: Client) -> None:
    assert analyst.get(reverse("console:subject-models", args=[subject])).status_code == 404


def test_every_figure_stands_with_its_interval_beside_the_baseline(analyst: Client) -> None:
    version = make_version()
    content = text_of(analyst, href("model", version))
    report = trained().reports["lightgbm"]
    for name in ("model", "baseline"):
        for code, stored in report["models"][name]["figures"].items():
            interval = interval_of(stored)
            assert value_text(BY_CODE[code].unit, interval.value) in content, (name, code)
            assert range_text(BY_CODE[code].unit, interval) in content, (name, code)


def test_plots_are_drawn_with_words_and_their_numbers(analyst: Client) -> None:
    content = text_of(analyst, href("model", make_version()))
    report = trained().reports["lightgbm"]
    assert content.count('role="img" aria-label="Predicted share') == 1
    assert content.count('role="img" aria-label="Cost by the score') == 1
    for one in report["reliability"]["model"]:
        assert f"{number_text(100 * one['observed'], decimals=2)} %" in content
    assert "cheapest" in content
    assert "live policy" in content
    assert "style=" not in content[content.index("<main") :]


def test_inputs_are_in_words_by_weight_with_their_direction(analyst: Client) -> None:
    version = make_version()
    rows = analyst.get(href("model", version)).context["report"].inputs
    stored = trained().reports["lightgbm"]["contributions"]
    assert [row.name for row in rows] == [row["feature"] for row in stored]
    assert rows[0].words == input_words("order", stored[0]["feature"])
    # The made-up truth rises with the first two inputs: low values lower the risk, high ones raise it.
    strongest = {row.name: row.effect for row in rows[:2]}
    assert all(effect.low < effect.high for effect in strongest.values())


def test_breaches_of_fairness_are_named(analyst: Client) -> None:
    content = text_of(analyst, href("model", make_version()))
    breaches = trained().reports["lightgbm"]["fairness"]["breaches"]
    assert breaches
    for breach in breaches:
        assert breach_words(breach["code"]) in content
    assert "Beyond a limit" in content
    assert "Germany" in content


def test_training_data_says_window_labels_recipe_and_code(analyst: Client) -> None:
    content = text_of(analyst, href("model", make_version()))
    for words in (
        "Learnt from", "Judged on", "Reviewer’s verdict", "Chargeback", "1.2.3", "45 days without complaint",
        "12 trials in 5 min", "num_leaves", "Seeds", "May only raise the score",
        trained().artifacts["lightgbm"].sha256,
    ):  # fmt: skip
        assert words in content, words


def test_months_and_segments_stand_in_words(analyst: Client) -> None:
    report = analyst.get(href("model", make_version())).context["report"]
    assert [row.value for row in report.months.rows] == sorted(
        month["value"] for month in trained().reports["lightgbm"]["months"]
    )
    tables = {table.code: [row.value for row in table.rows] for table in report.segments}
    assert set(tables["buyer_age"]) == {"under a day", "not known"}
    assert set(tables["country"]) == {"Germany", "China"}


@pytest.mark.parametrize("kind", ["logistic", "isolation_forest"])
def test_other_kinds_have_their_page_too(kind: str, analyst: Client) -> None:
    content = text_of(analyst, href("model", make_version(kind, status="candidate")))
    assert ("The scores of this kind of model are ranks" in content) is (kind == "isolation_forest")


def test_version_from_before_reports_shows_what_it_has(analyst: Client) -> None:
    version = make_version(with_report=False)
    content = text_of(analyst, href("model", version))
    assert "before there were whole reports" in content
    assert value_text("number", version.metrics["model"]["auc"]) in content
    assert 'id="fairness"' not in content
    bare = make_model(status="shadow")  # without any figure at all
    assert bare.metrics == {}
    assert analyst.get(href("model", bare)).status_code == 200
    assert analyst.get(href("model-card", bare)).status_code == 200


def test_page_asks_a_bounded_number_of_queries(analyst: Client) -> None:
    version = make_version()
    for _ in range(6):
        compare(version, passes=False)
    assert count_queries(analyst, href("model", version)) <= 20


def test_shadow_page_compares_on_the_same_decisions(second: Client) -> None:
    case = held_case()
    shadow = make_model(status="shadow")
    ShadowScore.objects.create(decision_id=case.decision_id, model=shadow, score=0.9)
    comparison = second.get(href("model", shadow)).context["comparison"]
    assert comparison.decisions == 1
    assert comparison.would_hold == 1.0
    assert comparison.champion_mean == pytest.approx(0.12)
    assert comparison.apart == pytest.approx(0.78)


@pytest.mark.parametrize("name", ["model", "model-card", "model-comparison"])
def test_version_that_is_not_there(name: str, analyst: Client) -> None:
    assert analyst.get(reverse(f"console:{name}", args=["mod_0000000000000"])).status_code == 404
