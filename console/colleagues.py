"""To whom a reviewer can hand a case."""

from typing import Any

from django.utils.translation import gettext as _

from cases.claims import list_assignees
from cases.models import ReviewCase
from cases.routing import find_senior_queue


def assignees_of(case: ReviewCase) -> list[tuple[Any, str]]:
    """Return the choices: the queue above, if there is one, then colleagues by name; two queries."""
    senior = None if case.queue.needs_senior else find_senior_queue(case.subject_kind)
    above = [("", _("Queue “%(queue)s”") % {"queue": senior})] if senior else [("", _("Choose a person"))]
    return above + [(user.pk, str(user)) for user in list_assignees(case)]
