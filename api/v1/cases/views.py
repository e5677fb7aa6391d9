"""Cases and verdicts: what the console does, for programs, through the same services."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from api.authentication import reviewer_of
from api.endpoint import Endpoint
from api.idempotent import Done, answer_once
from api.preconditions import tagged
from api.v1 import examples
from api.v1.fields import moment
from cases import selectors, services
from cases.models import ReviewCase, Verdict
from core.errors import NotFound
from core.ids import decode

from . import incoming, outgoing

_READ, _REVIEW = "cases:read", "cases:review"
_TAG = "Review"


class NextCase(Endpoint):
    scopes = {"POST": _REVIEW}
    once = frozenset({"POST"})

    @extend_schema(
        operation_id="claimNextCase",
        summary="Claim the next case",
        description=(
            "The first in order of work that you may decide, from all of your queues. It is yours until the"
            " claim expires. With 204 nothing waits; ask again later, with a new key."
        ),
        tags=[_TAG],
        request=None,
        responses={200: outgoing.CaseDetail, 204: OpenApiResponse(description="Nothing waits for you.")},
        examples=examples.answered(examples.CASE),
    )
    def post(self, request: Request) -> Response:
        person, now = reviewer_of(request), timezone.now()

        def work() -> Done:
            case = services.claim_next(person, at=now)
            return (204, None) if case is None else (200, outgoing.render_case(case, person, at=now))

        return answer_once(request, work)


class CaseItem(Endpoint):
    scopes = {"GET": _READ}

    @extend_schema(
        operation_id="readCase",
        summary="Read a case",
        tags=[_TAG],
        responses=outgoing.CaseDetail,
        examples=examples.answered(examples.CASE),
    )
    def get(self, request: Request, id: str) -> Response:
        person = reviewer_of(request)
        return tagged(request, outgoing.render_case(_case_of(person, id), person, at=timezone.now()))


class CaseClaim(Endpoint):
    scopes = {"POST": _REVIEW}
    once = frozenset({"POST"})

    @extend_schema(
        operation_id="claimCase",
        summary="Claim this case",
        description="If you hold it already, your claim is prolonged.",
        tags=[_TAG],
        request=None,
        responses={200: outgoing.CaseDetail},
        examples=examples.answered(examples.CASE),
    )
    def post(self, request: Request, id: str) -> Response:
        person, now = reviewer_of(request), timezone.now()

        def work() -> Done:
            case = services.claim_case(_case_of(person, id), person, at=now)
            return 200, outgoing.render_case(case, person, at=now)

        return answer_once(request, work)


class CaseHeartbeat(Endpoint):
    # Without an Idempotency-Key: every repeat prolongs the claim, which is what it is for.
    scopes = {"POST": _REVIEW}

    @extend_schema(
        operation_id="prolongClaim",
        summary="Prolong your claim",
        description="While somebody works on the case; once a minute is enough.",
        tags=[_TAG],
        request=incoming.ClaimTokenIn,
        responses={200: outgoing.Claim},
        examples=[*examples.sent({"claim_token": 1}), *examples.answered(examples.CLAIM)],
    )
    def post(self, request: Request, id: str) -> Response:
        person, token = reviewer_of(request), incoming.ClaimTokenIn.read(request.data)["claim_token"]
        case = _case_of(person, id)
        ends_at = services.extend_claim(case, person, token=token, at=timezone.now())
        return Response({"token": token, "expires_at": moment(ends_at)})


class CaseRelease(Endpoint):
    scopes = {"POST": _REVIEW}
    once = frozenset({"POST"})

    @extend_schema(
        operation_id="releaseCase",
        summary="Put a case back",
        tags=[_TAG],
        request=incoming.ClaimTokenIn,
        responses={200: outgoing.CaseDetail},
        examples=[*examples.sent({"claim_token": 1}), *examples.answered(examples.RELEASED_CASE)],
    )
    def post(self, request: Request, id: str) -> Response:
        person, now = reviewer_of(request), timezone.now()
        token = incoming.ClaimTokenIn.read(request.data)["claim_token"]

        def work() -> Done:
            services.release_claim(_case_of(person, id), person, token=token, at=now)
            return 200, outgoing.render_case(_case_of(person, id), person, at=now)

        return answer_once(request, work)


class CaseVerdict(Endpoint):
    scopes = {"POST": _REVIEW}
    once = frozenset({"POST"})

    @extend_schema(
        operation_id="decideCase",
        summary="Give a verdict",
        description=(
            "Under your live claim, and on the evidence that you saw: `stale_claim`, `claim_expired` and"
            " `evidence_changed` are conflicts that change nothing. A judgement takes effect at"
            " `effective_at`, or when a second person has signed it; until then it can be undone."
        ),
        tags=[_TAG],
        request=incoming.VerdictIn,
        responses={201: outgoing.VerdictDetail},
        examples=[*examples.sent(examples.NEW_VERDICT), *examples.answered(examples.VERDICT)],
    )
    def post(self, request: Request, id: str) -> Response:
        person, now = reviewer_of(request), timezone.now()
        verdict = incoming.new_verdict(incoming.VerdictIn.read(request.data))

        def work() -> Done:
            row = services.record_verdict(
                _case_of(person, id), verdict, reviewer=person, at=now, undo_for=_undo_time()
            )
            return 201, outgoing.render_verdict(row, person)

        return answer_once(request, work)


class VerdictUndo(Endpoint):
    scopes = {"POST": _REVIEW}
    once = frozenset({"POST"})

    @extend_schema(
        operation_id="undoVerdict",
        summary="Take a verdict back",
        description=(
            "Before it takes effect, by who gave or signed it. To who gave it the case returns, with a"
            " new claim."
        ),
        tags=[_TAG],
        request=None,
        responses={200: outgoing.CaseDetail},
        examples=examples.answered(examples.CASE),
    )
    def post(self, request: Request, id: str) -> Response:
        person, now = reviewer_of(request), timezone.now()

        def work() -> Done:
            case = services.undo_verdict(_verdict_of(person, id), person, at=now)
            return 200, outgoing.render_case(case, person, at=now)

        return answer_once(request, work)


class VerdictSignature(Endpoint):
    scopes = {"POST": _REVIEW}
    once = frozenset({"POST"})

    @extend_schema(
        operation_id="signVerdict",
        summary="Sign another reviewer’s verdict",
        description="Whoever gave it is refused, whatever they may do otherwise.",
        tags=[_TAG],
        request=None,
        responses={200: outgoing.VerdictDetail},
        examples=examples.answered(examples.SIGNED_VERDICT),
    )
    def post(self, request: Request, id: str) -> Response:
        person, now = reviewer_of(request), timezone.now()

        def work() -> Done:
            row = services.sign_verdict(_verdict_of(person, id), person, at=now, undo_for=_undo_time())
            return 200, outgoing.render_verdict(row, person)

        return answer_once(request, work)


class VerdictRefusal(Endpoint):
    scopes = {"POST": _REVIEW}
    once = frozenset({"POST"})

    @extend_schema(
        operation_id="refuseVerdict",
        summary="Refuse to sign a verdict",
        description="The case returns to its queue.",
        tags=[_TAG],
        request=incoming.RefusalIn,
        responses={200: outgoing.VerdictDetail},
        examples=[
            *examples.sent({"note": "The buyer was reached."}),
            *examples.answered(examples.REFUSED_VERDICT),
        ],
    )
    def post(self, request: Request, id: str) -> Response:
        person, now, data = reviewer_of(request), timezone.now(), incoming.RefusalIn.read(request.data)

        def work() -> Done:
            row = services.refuse_verdict(_verdict_of(person, id), person, note=data["note"], at=now)
            return 200, outgoing.render_verdict(row, person)

        return answer_once(request, work)


def _case_of(person: User, id: str) -> ReviewCase:
    """Return a case that this reviewer may see; another one does not exist for them."""
    case = selectors.get_case(decode("cas", id))
    if not selectors.may_see(person, case):
        raise NotFound("No such case.")
    return case


def _verdict_of(person: User, id: str) -> Verdict:
    """Return a verdict on a case that this reviewer may see."""
    row = selectors.get_verdict(decode("ver", id))
    if not selectors.may_see(person, row.case):
        raise NotFound("No such verdict.")
    return row


def _undo_time() -> timedelta:
    return timedelta(seconds=settings.REVIEW_UNDO_SECONDS)
