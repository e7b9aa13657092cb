"""The dialects' OpenAPI documents, and the page that shows them."""

from __future__ import annotations

import hashlib
import secrets
from functools import cache

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import etag

from okmq_site import errors
from queues.api.agentuity import openapi as agentuity
from queues.api.forq import openapi as forq
from queues.api.okmq import openapi as okmq
from queues.api.openapi.document import Document
from queues.api.openapi.generate import document_json
from queues.api.tasks import openapi as tasks
from queues.api.tinymq import openapi as tinymq

DOCUMENTS: dict[str, Document] = {
    dialect.DOCUMENT.name: dialect.DOCUMENT for dialect in (okmq, agentuity, forq, tinymq, tasks)
}
# Swagger UI sets styles on its elements and has its pictures in its own code; all else is from here.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def openapi(request: HttpRequest, dialect: str) -> HttpResponse:
    """One dialect's document; whoever has it asks with its ETag and gets a 304."""
    if dialect not in DOCUMENTS:
        raise Http404
    if request.method not in ("GET", "HEAD"):
        message = f"method {request.method} is not allowed here"
        return errors.response(request.path_info, 405, message, {"Allow": "GET, HEAD"})
    return _document(request, dialect)


@cache
def _tag(dialect: str) -> str:
    return f'"{hashlib.sha256(document_json(DOCUMENTS[dialect])).hexdigest()[:32]}"'


@etag(lambda request, dialect: _tag(dialect))
def _document(request: HttpRequest, dialect: str) -> HttpResponse:
    return HttpResponse(
        document_json(DOCUMENTS[dialect]),
        content_type="application/json",
        headers={"Cache-Control": "no-cache"},
    )


def page(request: HttpRequest) -> HttpResponse:
    """Swagger UI with every document. Its files are the package's own, served from here."""
    nonce = secrets.token_urlsafe(16)
    documents = [
        {"name": document.title, "url": reverse("openapi", args=[name])}
        for name, document in DOCUMENTS.items()
    ]
    response = render(request, "docs.html", {"documents": documents, "nonce": nonce})
    response.headers["Content-Security-Policy"] = PAGE_POLICY.format(nonce=nonce)
    return response
