"""drf-spectacular's view inspector, told by ``Operation`` and by the types instead of by guessing."""

from __future__ import annotations

from typing import Any, cast

import uritemplate
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import OpenApiParameter
from rest_framework.serializers import Serializer

from queues.api.negotiation import JSON
from queues.api.openapi import structs
from queues.api.openapi.document import OPERATION, Answer, Body, Document, Operation, Parameter, Schema


class DialectSchema(AutoSchema):
    """For views of a ``DialectViewSet``: ``view.document`` and an ``Operation`` on each action."""

    @property
    def document(self) -> Document:
        return cast("Document", self.view.document)  # type: ignore[attr-defined]

    @property
    def operation(self) -> Operation:
        """Raises AttributeError for a view that no ``Operation`` describes: every route has its entry."""
        action = getattr(self.view, self.view.action)  # type: ignore[attr-defined]
        return cast("Operation", getattr(action, OPERATION))

    def get_operation_id(self) -> str:
        return self.operation.id

    def get_summary(self) -> str:
        return self.operation.summary

    def get_description(self) -> str:  # type: ignore[override]
        return self.operation.description

    def get_tags(self) -> list[str]:
        return [self.operation.tag]

    def get_auth(self) -> list[Schema]:
        if self.operation.is_public:
            return []
        for name, definition in self.document.security.items():
            self._register(name, definition, ResolvedComponent.SECURITY_SCHEMA)
        none: list[Schema] = [{}] if self.document.key_is_optional else []
        return [{name: []} for name in self.document.security] + none

    def get_override_parameters(self) -> list[Any]:
        return [
            *(
                _parameter(self._path_parameter(name), OpenApiParameter.PATH)
                for name in uritemplate.variables(self.path)
            ),
            *(_parameter(query, OpenApiParameter.QUERY) for query in self.operation.query),
            *(_parameter(header, OpenApiParameter.HEADER) for header in self.operation.headers),
        ]

    def _path_parameter(self, name: str) -> Parameter:
        for own in self.operation.path:
            if own.name == name:
                return own
        told = self.document.path_parameters[name]
        return Parameter(name, {"type": "string"}, told) if isinstance(told, str) else told

    def _get_serializer(self) -> None:
        """Views have none to guess from."""

    def _get_request_body(self, direction: str = "request") -> Schema | None:
        body = self.operation.body
        if body is None:
            return None
        schema = {} if body.media_type != JSON else self._schema_of(body.type, "request")
        self._set_defaults(schema, body)
        described = {"description": body.description} if body.description else {}
        return {"required": body.required, "content": {body.media_type: {"schema": schema}}, **described}

    def _get_response_bodies(self, direction: str = "response") -> Schema:
        answer = self.operation.answer
        answers = {str(answer.status.value): self._answer(answer)}
        for status, other in self.operation.other_answers.items():
            answers[str(status)] = {"description": other} if isinstance(other, str) else self._answer(other)
        errors = {**({} if self.operation.is_public else self.document.errors), **self.operation.errors}
        for status, text in sorted(errors.items()):
            content = self._content(self.document.error, self.document.error_media_type)
            answers[str(status)] = {"description": text, **content}
        return answers

    def _answer(self, answer: Answer) -> Schema:
        content = {} if answer.type is None else self._content(answer.type, answer.media_type)
        return {"description": answer.description, **content}

    def _content(self, kind: Any, media_type: str) -> Schema:
        return {"content": {media_type: {"schema": self._schema_of(kind, "response")}}}

    def _schema_of(self, kind: Any, direction: str) -> Schema:
        if isinstance(kind, type) and issubclass(kind, Serializer):
            return self.resolve_serializer(kind, direction).ref  # type: ignore[arg-type]
        schema, components = structs.schema_of(kind)
        for named in self.document.named_types:
            components |= structs.schema_of(named)[1]
        for name, found in components.items():
            self._register(name, found, ResolvedComponent.SCHEMA)
        return schema

    def _register(self, name: str, schema: Schema, kind: str) -> None:
        """A name stands for one thing, however many operations mention it."""
        component = _component(name, kind, schema, name)
        if component.key in self.registry._components:
            known = self.registry[component].schema
            assert known == schema, f"{self.document.name}: two different types are called {name}"
        else:
            self.registry.register(component)

    def _set_defaults(self, schema: Schema, body: Body) -> None:
        if not body.defaults:
            return
        name = schema["$ref"].rpartition("/")[2]
        properties = self.registry[_component(name, ResolvedComponent.SCHEMA, None, body.type)].schema[
            "properties"
        ]
        for field, value in body.defaults.items():
            if "$ref" not in properties[field]:
                properties[field]["default"] = value


def _parameter(told: Parameter, place: Any) -> OpenApiParameter:
    return OpenApiParameter(told.name, told.schema, place, description=told.description)


def _component(name: str, kind: str, schema: Schema | None, made_from: Any) -> ResolvedComponent:
    return ResolvedComponent(name=name, type=kind, schema=schema, object=made_from)  # type: ignore[no-untyped-call]
