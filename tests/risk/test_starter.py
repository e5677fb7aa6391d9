"""The starter rulesets: readable, compilable, and live only after a second person."""

import pytest

from accounts.models import Role
from core.errors import PermissionDenied
from core.reasons import REASONS
from risk.models import Activation, RuleSet
from risk.rules.engine import compile_ruleset
from risk.schemas import schema_of
from risk.starter import applications, listings, merchants, orders
from risk.starter.publishing import publish_starters
from tests.make import NOON, make_user

STARTERS = {"order": orders, "listing": listings, "application": applications, "merchant": merchants}


@pytest.mark.parametrize("subject", STARTERS)
def test_starter_rules_compile_and_name_known_reasons(subject):
    rules = compile_ruleset(STARTERS[subject].RULES, schema_of(subject)).rules

    unknown = {rule.reason_code for rule in rules if rule.reason_code} - REASONS.keys()
    assert not unknown


@pytest.mark.django_db
def test_starters_are_published_once_by_two_people():
    author, approver = make_user(Role.RISK_ANALYST), make_user(Role.RISK_ANALYST)

    assert len(publish_starters(author=author, approver=approver, at=NOON)) == 4
    assert publish_starters(author=author, approver=approver, at=NOON) == []
    assert RuleSet.objects.filter(status="live").count() == 4
    assert all(activation.author != activation.approver for activation in Activation.objects.all())


@pytest.mark.django_db
def test_one_person_cannot_publish_alone():
    analyst = make_user(Role.RISK_ANALYST)

    with pytest.raises(PermissionDenied):
        publish_starters(author=analyst, approver=analyst, at=NOON)
    assert not RuleSet.objects.filter(status="live").exists()
