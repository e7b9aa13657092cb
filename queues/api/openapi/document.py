"""What a dialect says of itself and of its operations, where its code does not show it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeVar

from queues.api.negotiation import JSON

V = TypeVar("V", bound=Callable[..., Any])
Schema = dict[str, Any]
"""A piece of an OpenAPI document."""

OPERATION = "openapi_operation"


@dataclass(frozen=True, kw_only=True, eq=False)
class Document:
    """What holds for all operations of a dialect."""

    name: str
    """Its place: ``/openapi/<name>.json``."""
    title: str
    description: str
    version: str
    """The contract's version, not the server's."""
    urlconf: str
    security: Mapping[str, Schema]
    """Security schemes by name; a call needs one of them."""
    error: Any
    """The type of every error's body."""
    error_media_type: str = JSON
    path_parameters: Mapping[str, str | Parameter]
    """The variables in paths; of most a description is all there is to say."""
    errors: Mapping[int, str] = field(default_factory=dict)
    """The errors every operation has."""
    named_types: tuple[Any, ...] = ()
    """Types that others name by hand, where no annotation could."""
    key_is_optional: bool = False
    """An operator may let clients in that show no key."""


@dataclass(frozen=True)
class Parameter:
    """``schema`` is JSON Schema, with the default."""

    name: str
    schema: Schema
    description: str


class Query(Parameter):
    """A query parameter."""


class Header(Parameter):
    """A header of the request, which may be left out."""


@dataclass(frozen=True)
class Body:
    """A JSON request body: a serializer class, or any type that msgspec knows; ``bytes`` with another media
    type: whatever its sender likes."""

    type: Any
    required: bool = True
    description: str = ""
    media_type: str = JSON
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """What absent properties count as, where the type does not know."""


@dataclass(frozen=True)
class Answer:
    """A successful answer; ``type`` is a serializer class, a type that msgspec knows, or None for no body."""

    status: HTTPStatus
    description: str
    type: Any = None
    media_type: str = JSON


def ok(description: str, kind: Any = None) -> Answer:
    """200."""
    return Answer(HTTPStatus.OK, description, kind)


def created(description: str, kind: Any = None) -> Answer:
    """201."""
    return Answer(HTTPStatus.CREATED, description, kind)


def no_content(description: str) -> Answer:
    """204."""
    return Answer(HTTPStatus.NO_CONTENT, description)


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One view's description. Decorates the view, which stays the function it was."""

    id: str
    """What generated clients call it."""
    tag: str
    summary: str
    description: str = ""
    path: tuple[Parameter, ...] = ()
    """Variables in the path of which there is more to say than the document does."""
    query: tuple[Query, ...] = ()
    headers: tuple[Header, ...] = ()
    body: Body | None = None
    answer: Answer
    other_answers: Mapping[int, str | Answer] = field(default_factory=dict)
    """Further answers: those that are told by a text alone have no body."""
    errors: Mapping[int, str] = field(default_factory=dict)
    """Those beyond the document's."""
    is_public: bool = False
    """It asks for no key, and has none of the document's errors."""

    def __call__(self, view: V) -> V:
        setattr(view, OPERATION, self)
        return view
