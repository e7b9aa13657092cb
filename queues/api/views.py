"""What the views of every dialect share: the key, the body, and answers in the dialect's own error shape."""

from __future__ import annotations

import io
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import MethodNotAllowed, NotAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts.authentication import ApiKeyAuthentication, MissingScope
from accounts.services import AuthenticatedKey
from queues.api.body import discard_body, read_body
from queues.api.client import hung_up
from queues.api.negotiation import FirstOfEach, JSONParser, JSONRenderer
from queues.api.openapi.document import Document
from queues.api.problems import Problem, problem_of
from queues.api.query import Params, parse_query
from queues.broker import audit


class DialectRequest(Request):
    """DRF's request, reading its body by our rules. ``content`` may raise ``BadRequest`` or ``TooLarge``."""

    _content: bytes | None = None
    max_bytes: int | None = None

    @property
    def content(self) -> bytes:
        """The whole body; ``b""`` when the client sent none."""
        if self._content is None:
            self._content = read_body(self._request, self.max_bytes)
        return self._content

    @property
    def query_string(self) -> str:
        return str(self._request.META.get("QUERY_STRING", ""))

    @property
    def params(self) -> Params:
        return parse_query(self.query_string)

    def discard_content(self) -> None:
        if self._content is None:
            discard_body(self._request)

    def gone(self) -> Callable[[], bool] | None:
        """Tells, whenever called, whether the client has hung up; None where the server cannot say."""
        return hung_up(self._request.META)

    def _load_stream(self) -> None:
        # DRF takes a request without a Content-Length for one without a body; chunked ones have none.
        self._stream = io.BytesIO(self.content)


class DialectViewSet(ViewSet):
    """DRF's view set without what no dialect uses: negotiation, permissions, throttles, versions, OPTIONS.

    A dialect names its ``authentication_classes`` and renders problems. Views are to raise, not to answer
    errors. ``key`` is the caller's.
    """

    http_method_names = ["get", "post", "put", "patch", "delete"]
    authentication_classes: tuple[type[BaseAuthentication], ...] = (ApiKeyAuthentication,)
    content_negotiation_class = FirstOfEach
    renderer_classes = (JSONRenderer,)
    parser_classes = (JSONParser,)
    # Made once per class: DRF makes these anew for every request.
    authenticators: ClassVar[tuple[BaseAuthentication, ...]] = ()
    _parsers: ClassVar[list[Any]] = [JSONParser()]
    _negotiator: ClassVar[FirstOfEach] = FirstOfEach()
    _renderer: ClassVar[JSONRenderer] = JSONRenderer()
    default_response_headers: ClassVar[dict[str, str]] = {}
    max_request_bytes: ClassVar[int | None] = None
    """Bodies longer than this are too large; None: the server's own cap alone."""

    document: ClassVar[Document]
    """What its OpenAPI document says beyond its views and types."""
    action_scopes: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """The scopes that open each action, one of them being enough (docs/accounts.md)."""
    key: AuthenticatedKey

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.authenticators = tuple(make() for make in cls.authentication_classes)

    @abstractmethod
    def problem_response(self, problem: Problem) -> HttpResponse:
        """The dialect's documented answer, without ``problem.headers``."""

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> DialectRequest:
        self.action = self.action_map.get(str(request.method).lower(), "")
        made = DialectRequest(request, parsers=self._parsers, negotiator=self._negotiator)
        made.max_bytes = self.max_request_bytes
        return made

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        # Threads serve one request after another: nobody inherits the actor of the one before.
        audit.set_actor(audit.ANONYMOUS)
        for authenticator in self.authenticators:
            if found := authenticator.authenticate(request):
                request.user, request.auth = found
                self.key = found[1]
                audit.set_actor(self.key.actor)
                if self.action:
                    self.require(*self.action_scopes[self.action])
                return
        raise NotAuthenticated("An API key is required.")

    def require(self, *scopes: str) -> None:
        """Raises ``MissingScope`` unless the caller's key has one of the scopes."""
        if self.key.scopes.isdisjoint(scopes):
            raise MissingScope(scopes, self.key)

    def handle_exception(self, exc: Exception) -> HttpResponse:  # type: ignore[override]
        problem = problem_of(exc)
        if problem is None:
            raise exc
        if problem.status == 401:
            problem.headers["WWW-Authenticate"] = str(self.get_authenticate_header(self.request))
        if isinstance(exc, MethodNotAllowed):
            problem.headers["Allow"] = ", ".join(self.allowed_methods)
        response = self.problem_response(problem)
        for name, value in problem.headers.items():
            response.headers[name] = value
        return response

    def finalize_response(  # type: ignore[override]
        self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        if isinstance(request, DialectRequest):
            request.discard_content()
        if request.method == "HEAD" and isinstance(response, HttpResponse):
            response.content = b""  # always a 405, and no body may follow
        if isinstance(response, Response):
            response.accepted_renderer = self._renderer
            response.accepted_media_type = self._renderer.media_type
            response.renderer_context = self.get_renderer_context()  # type: ignore[attr-defined]
        return response
