from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.dequeue_message import DequeueMessage
from ...models.error import Error
from ...models.receive_type import ReceiveType
from ...types import UNSET, Response, Unset


def _get_kwargs(
    queue: str,
    *,
    limit: int | Unset = 10,
    offset: int | Unset = 0,
    peek: bool | Unset = False,
    tag: str | Unset = UNSET,
    type_: ReceiveType | Unset = "all",
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["limit"] = limit

    params["offset"] = offset

    params["peek"] = peek

    params["tag"] = tag

    json_type_: str | Unset = UNSET
    if not isinstance(type_, Unset):
        json_type_ = type_

    params["type"] = json_type_

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/queues/{queue}/messages".format(
            queue=quote(str(queue), safe=""),
        ),
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Error | list[DequeueMessage] | None:
    if response.status_code == 200:
        response_200 = []
        _response_200 = response.json()
        for response_200_item_data in _response_200:
            response_200_item = DequeueMessage.from_dict(response_200_item_data)

            response_200.append(response_200_item)

        return response_200

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
) -> Response[Error | list[DequeueMessage]]:
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
    limit: int | Unset = 10,
    offset: int | Unset = 0,
    peek: bool | Unset = False,
    tag: str | Unset = UNSET,
    type_: ReceiveType | Unset = "all",
) -> Response[Error | list[DequeueMessage]]:
    """Receive messages, or look at them

     Delivers what is pending, the oldest first, and locks it. If there is nothing, the call waits up to
    20 seconds (the server's setting) and answers as soon as there is.

    With `peek` it shows messages in any state, changes nothing and never waits.

    Args:
        queue (str):
        limit (int | Unset):  Default: 10.
        offset (int | Unset):  Default: 0.
        peek (bool | Unset):  Default: False.
        tag (str | Unset):
        type_ (ReceiveType | Unset):  Default: 'all'.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Error | list[DequeueMessage]]
    """

    kwargs = _get_kwargs(
        queue=queue,
        limit=limit,
        offset=offset,
        peek=peek,
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
    limit: int | Unset = 10,
    offset: int | Unset = 0,
    peek: bool | Unset = False,
    tag: str | Unset = UNSET,
    type_: ReceiveType | Unset = "all",
) -> Error | list[DequeueMessage] | None:
    """Receive messages, or look at them

     Delivers what is pending, the oldest first, and locks it. If there is nothing, the call waits up to
    20 seconds (the server's setting) and answers as soon as there is.

    With `peek` it shows messages in any state, changes nothing and never waits.

    Args:
        queue (str):
        limit (int | Unset):  Default: 10.
        offset (int | Unset):  Default: 0.
        peek (bool | Unset):  Default: False.
        tag (str | Unset):
        type_ (ReceiveType | Unset):  Default: 'all'.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Error | list[DequeueMessage]
    """

    return sync_detailed(
        queue=queue,
        client=client,
        limit=limit,
        offset=offset,
        peek=peek,
        tag=tag,
        type_=type_,
    ).parsed


async def asyncio_detailed(
    queue: str,
    *,
    client: AuthenticatedClient,
    limit: int | Unset = 10,
    offset: int | Unset = 0,
    peek: bool | Unset = False,
    tag: str | Unset = UNSET,
    type_: ReceiveType | Unset = "all",
) -> Response[Error | list[DequeueMessage]]:
    """Receive messages, or look at them

     Delivers what is pending, the oldest first, and locks it. If there is nothing, the call waits up to
    20 seconds (the server's setting) and answers as soon as there is.

    With `peek` it shows messages in any state, changes nothing and never waits.

    Args:
        queue (str):
        limit (int | Unset):  Default: 10.
        offset (int | Unset):  Default: 0.
        peek (bool | Unset):  Default: False.
        tag (str | Unset):
        type_ (ReceiveType | Unset):  Default: 'all'.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Error | list[DequeueMessage]]
    """

    kwargs = _get_kwargs(
        queue=queue,
        limit=limit,
        offset=offset,
        peek=peek,
        tag=tag,
        type_=type_,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    queue: str,
    *,
    client: AuthenticatedClient,
    limit: int | Unset = 10,
    offset: int | Unset = 0,
    peek: bool | Unset = False,
    tag: str | Unset = UNSET,
    type_: ReceiveType | Unset = "all",
) -> Error | list[DequeueMessage] | None:
    """Receive messages, or look at them

     Delivers what is pending, the oldest first, and locks it. If there is nothing, the call waits up to
    20 seconds (the server's setting) and answers as soon as there is.

    With `peek` it shows messages in any state, changes nothing and never waits.

    Args:
        queue (str):
        limit (int | Unset):  Default: 10.
        offset (int | Unset):  Default: 0.
        peek (bool | Unset):  Default: False.
        tag (str | Unset):
        type_ (ReceiveType | Unset):  Default: 'all'.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Error | list[DequeueMessage]
    """

    return (
        await asyncio_detailed(
            queue=queue,
            client=client,
            limit=limit,
            offset=offset,
            peek=peek,
            tag=tag,
            type_=type_,
        )
    ).parsed
