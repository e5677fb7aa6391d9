"""What the OpenAPI document says of every endpoint without being told: scopes, keys, errors, headers."""

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal, cast

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers

if TYPE_CHECKING:  # views load their schema class while they are being defined
    from .endpoint import Endpoint

PROBLEM_TYPE = "application/problem+json"


class FieldProblem(serializers.Serializer[Any]):
    pointer = serializers.CharField(help_text='A JSON pointer (RFC 6901) into the request, "" for the whole.')
    code = serializers.CharField()
    detail = serializers.CharField()
    params = serializers.DictField(help_text="Values that the sentence mentions.")


class Problem(serializers.Serializer[Any]):
    """An error by RFC 9457. Programs read `code`; people read `detail`, in the language they accept."""

    type = serializers.CharField(help_text="Where the code is explained.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    instance = serializers.CharField(allow_null=True)
    code = serializers.CharField()
    request_id = serializers.CharField(help_text="Quote it when you ask us.")
    errors = FieldProblem(  # type: ignore[assignment]
        many=True, required=False, help_text="With 422: every problem that was found."
    )
    allowed = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        help_text="With 409: the actions that are possible now.",
    )


class EndpointSchema(AutoSchema):
    """Adds to each operation what `api.endpoint.Endpoint` declares and what may go wrong."""

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is not None:
            scope = self._scope()
            needs = f"Needs the scope `{scope}`." if scope else "Any valid key may call this."
            operation["description"] = "\n\n".join(filter(None, (operation.get("description"), needs)))
        return operation

    def get_auth(self) -> list[dict[str, list[str]]]:
        super().get_auth()  # registers the scheme
        return [{ApiKeyScheme.name: [scope] if (scope := self._scope()) else []}]

    def get_override_parameters(self) -> list[Any]:
        headers = [OpenApiParameter(
            "RateLimit", str, OpenApiParameter.HEADER, response=True,
            description='What is left of the quota: `"default";r=<calls>;t=<seconds until it is full>`.',
        )]  # fmt: skip
        if self.method in self._endpoint.once:
            headers.append(OpenApiParameter(
                "Idempotency-Key", OpenApiTypes.STR, OpenApiParameter.HEADER, required=True,
                description="Up to 255 characters, new for each piece of work. A repeat within 24 hours"
                " gets the first answer, marked `Idempotent-Replayed: true`.",
            ))  # fmt: skip
        return [*super().get_override_parameters(), *headers]

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction=direction)
        for status in self._failures():
            answer = OpenApiResponse(Problem, description=HTTPStatus(status).phrase)
            told = self._get_response_for_code(  # type: ignore[no-untyped-call]
                answer, str(status), media_types=[PROBLEM_TYPE]
            )
            bodies.setdefault(str(status), told)
        return bodies

    def _failures(self) -> list[int]:
        failures = [401, 403, 406, 429, 503]
        if "{" in self.path:
            failures.append(404)
        if self.method == "POST":
            failures += [400, 404, 409, 413, 415, 422]
        elif self.method == "PATCH":
            failures += [400, 409, 412, 413, 415, 422, 428]
        else:
            failures.append(422)
        return sorted(set(failures))

    @property
    def _endpoint(self) -> "Endpoint":
        return cast("Endpoint", self.view)

    def _scope(self) -> str:
        return str(self._endpoint.scopes[self.method])


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "api.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key, `mk_live_…` or `mk_test_…`. Its scopes say what it may do.",
        }


def share_failures(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Keep one copy of each error answer for all operations: each is told once."""
    shared: dict[str, Any] = result["components"].setdefault("responses", {})
    for operations in result["paths"].values():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                if PROBLEM_TYPE in answer.get("content", {}):
                    shared[f"Problem{status}"] = answer
                    operation["responses"][status] = {"$ref": f"#/components/responses/Problem{status}"}
    return result
