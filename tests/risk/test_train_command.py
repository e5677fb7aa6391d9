"""`manage.py train`: what it prints, and how it ends."""

from functools import partial
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from risk import training
from risk.models import ModelVersion, TrainingRun
from tests.risk.trained import AS_OF, QUICK, make_history

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    run = training.run
    monkeypatch.setattr(training, "run", partial(run, options=QUICK))


def train(*arguments: str, **options: Any) -> str:
    out = StringIO()
    call_command("train", *arguments, stdout=out, **options)
    return out.getvalue()


def test_it_prints_every_kind_side_by_side_and_names_the_versions() -> None:
    make_history()
    printed = train("order", "--as-of", AS_OF.isoformat(), "--no-input")
    assert "learnt from 120 rows, judged on 40 later ones" in printed
    assert "Average precision" in printed
    lines = printed.splitlines()[-3:]
    assert [line.split()[1:] for line in lines] == [
        ["logistic", "candidate"],
        ["isolation_forest", "candidate"],
        ["lightgbm", "shadow"],
    ]
    assert all(line.startswith("mod_") for line in lines)


def test_a_training_that_fails_ends_with_its_sentence() -> None:
    with pytest.raises(CommandError, match="All labels are of one class"):
        train("order", "--no-input")
    assert TrainingRun.objects.get().status == "failed"


def test_ctrl_c_cancels_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    make_history()

    def interrupt(*args: object, **fields: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("risk.training.making.train", interrupt)
    with pytest.raises(CommandError, match="cancelled"):
        train("order", "--as-of", AS_OF.isoformat(), "--no-input")
    assert TrainingRun.objects.get().status == "cancelled"
    assert not ModelVersion.objects.exists()


@pytest.mark.parametrize("moment", ["yesterday", "2026-13-01"])
def test_a_moment_that_is_none_is_refused(moment: str) -> None:
    with pytest.raises(CommandError):
        train("order", "--as-of", moment, "--no-input")
    assert not TrainingRun.objects.exists()


def test_a_budget_beyond_a_night_is_refused() -> None:
    with pytest.raises(CommandError, match="6 hours"):
        train("order", "--tune", "999999", "--no-input")
