"""What every endpoint has: scopes, a quota, and the headers that go with them."""

import time
from collections.abc import Mapping
from typing import Any, ClassVar

from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.errors import NotFound

from . import limits
from .authentication import Caller
from .idempotent import read_key


class Endpoint(APIView):
    """One resource. `scopes` names what each method needs; a method without one does not exist."""

    scopes: ClassVar[Mapping[str, str]] = {}
    # The methods that need an Idempotency-Key; answered through `api.idempotent.answer_once`.
    once: ClassVar[frozenset[str]] = frozenset()
    # No OPTIONS: it would describe serializers, which the OpenAPI document does better.
    http_method_names = ["get", "head", "post", "patch"]
    quota = limits.Quota(0, 0)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.method in self.once:
            read_key(request)  # before the body is looked at: without a key nothing of it will be done

    def check_permissions(self, request: Request) -> None:
        # Before the scope: a key that probes what it may not do is counted too.
        caller: object = request.user
        if isinstance(caller, Caller):
            self.quota = limits.spend(caller.credential, now_ms=time.time_ns() // 1_000_000)
            self.quota.check()
        super().check_permissions(request)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        response["RateLimit-Policy"] = limits.policy()
        # A caller without a key has no bucket, and nothing left in it.
        response["RateLimit"] = f'"default";r={self.quota.remaining};t={self.quota.reset_seconds}'
        return response


class Unknown(APIView):
    """Everything under /api/ that is no resource, so that programs never get a page."""

    authentication_classes = ()
    permission_classes = ()
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotFound(_("There is no such resource."), code="unknown_resource")
