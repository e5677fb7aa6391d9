"""The steps of an application that are open to the merchant, and what each still lacks."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.urls import reverse
from django.utils.functional import Promise

from core.errors import NotFound
from merchants.models import ApplicationStatus, MerchantApplication
from merchants.progress import assess_application
from merchants.requirements import TERMS, RequirementState

from .forms.application import FORMS, STEP_LABELS


@dataclass(frozen=True)
class Step:
    """One step of the wizard. `only` lists what may be changed; None means everything in it."""

    slug: str
    label: Promise
    states: Sequence[RequirementState]
    only: Sequence[str] | None

    @property
    def href(self) -> str:
        return reverse("portal:application_step", args=[self.slug])

    @property
    def is_complete(self) -> bool:
        return not any(state.is_blocking for state in self.states)


def list_steps(application: MerchantApplication) -> list[Step]:
    """Return the open steps in order: all of a draft's, and of a resubmission those that were asked for.

    One query, for the documents.
    """
    states = assess_application(application)
    if application.status != ApplicationStatus.INFO_REQUESTED:
        return [Step(slug, label, _states_of(slug, states), None) for slug, label in STEP_LABELS.items()]
    asked = {item["requirement"] for item in application.requested_items}
    steps = []
    for slug, label in STEP_LABELS.items():
        mine = _states_of(slug, states)
        only = [state.requirement.code for state in mine if state.requirement.code in asked]
        if only or slug == "submit":
            steps.append(
                Step(slug, label, [s for s in mine if s.requirement.code in only or slug == "submit"], only)
            )
    return steps


def get_step(application: MerchantApplication, slug: str) -> tuple[list[Step], int]:
    """Return the open steps and the position of the named one; NotFound if it is not open."""
    steps = list_steps(application)
    for position, step in enumerate(steps):
        if step.slug == slug:
            return steps, position
    raise NotFound("No such step.")


def find_next_step(application: MerchantApplication) -> Step:
    """Return the first step that still lacks something, else the last."""
    steps = list_steps(application)
    return next((step for step in steps if not step.is_complete), steps[-1])


def _states_of(slug: str, states: Sequence[RequirementState]) -> list[RequirementState]:
    if slug == "documents":
        return [state for state in states if state.requirement.code.startswith("document_")]
    codes = {TERMS} if slug == "submit" else set(FORMS[slug].base_fields)
    return [state for state in states if state.requirement.code in codes]
