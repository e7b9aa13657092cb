from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.delete_messages_request import DeleteMessagesRequest
from ...models.delete_messages_type import (
    DeleteMessagesType,
)
from ...models.error import Error
from ...types import UNSET, Response, Unset


def _get_kwargs(
    queue: str,
    *,
    body: DeleteMessagesRequest | Unset = UNSET,
    tag: str | Unset = UNSET,
    type_: DeleteMessagesType | Unset = "all",
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    params: dict[str, Any] = {}

    params["tag"] = tag

    json_type_: str | Unset = UNSET
    if not isinstance(type_, Unset):
        json_type_ = type_

    params["type"] = json_type_

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "delete",
        "url": "/queues/{queue}/messages".format(
            queue=quote(str(queue), safe=""),
        ),
        "params": params,
    }

    if not isinstance(body, Unset):
        _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Any | Error | None:
    if response.status_code == 204:
        response_204 = cast(Any, None)
        return response_204

    if response.status_code == 400:
        response_400 = Error.from_dict(response.json())

        return response_400

    if response.status_code == 401:
        response_401 = Error.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = Error.from_dict(response.json())

        return response_403

    if response.status_code == 404:
        response_404 = Error.from_dict(response.json())

        return response_404

    if response.status_code == 429:
        response_429 = Error.from_dict(response.json())

        return response_429

    if response.status_code == 500:
        response_500 = Error.from_dict(response.json())

        return response_500

    if response.status_code == 503:
        response_503 = Error.from_dict(response.json())

        return response_503

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[Any | Error]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    queue: str,
    *,
    client: AuthenticatedClient,
    body: DeleteMessagesRequest | Unset = UNSET,
    tag: str | Unset = UNSET,
    type_: DeleteMessagesType | Unset = "all",
) -> Response[Any | Error]:
    """Delete many messages

     With a body those it lists; without one all in a state and with a tag.

    Args:
        queue (str):
        tag (str | Unset):
        type_ (DeleteMessagesType | Unset):  Default: 'all'.
        body (DeleteMessagesRequest | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Any | Error]
    """

    kwargs = _get_kwargs(
        queue=queue,
        body=body,
        tag=tag,
        type_=type_,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    queue: str,
    *,
    client: AuthenticatedClient,
    body: DeleteMessagesRequest | Unset = UNSET,
    tag: str | Unset = UNSET,
    type_: DeleteMessagesType | Unset = "all",
) -> Any | Error | None:
    """Delete many messages

     With a body those it lists; without one all in a state and with a tag.

    Args:
        queue (str):
        tag (str | Unset):
        type_ (DeleteMessagesType | Unset):  Default: 'all'.
        body (DeleteMessagesRequest | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Any | Error
    """

    return sync_detailed(
        queue=queue,
        client=client,
        body=body,
        tag=tag,
        type_=type_,
    ).parsed


async def asyncio_detailed(
    queue: str,
    *,
    client: AuthenticatedClient,
    body: DeleteMessagesRequest | Unset = UNSET,
    tag: str | Unset = UNSET,
    type_: DeleteMessagesType | Unset = "all",
) -> Response[Any | Error]:
    """Delete many messages

     With a body those it lists; without one all in a state and with a tag.

    Args:
        queue (str):
        tag (str | Unset):
        type_ (DeleteMessagesType | Unset):  Default: 'all'.
        body (DeleteMessagesRequest | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Any | Error]
    """

    kwargs = _get_kwargs(
        queue=queue,
        body=body,
        tag=tag,
        type_=type_,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    queue: str,
    *,
    client: AuthenticatedClient,
    body: DeleteMessagesRequest | Unset = UNSET,
    tag: str | Unset = UNSET,
    type_: DeleteMessagesType | Unset = "all",
) -> Any | Error | None:
    """Delete many messages

     With a body those it lists; without one all in a state and with a tag.

    Args:
        queue (str):
        tag (str | Unset):
        type_ (DeleteMessagesType | Unset):  Default: 'all'.
        body (DeleteMessagesRequest | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Any | Error
    """

    return (
        await asyncio_detailed(
            queue=queue,
            client=client,
            body=body,
            tag=tag,
            type_=type_,
        )
    ).parsed
