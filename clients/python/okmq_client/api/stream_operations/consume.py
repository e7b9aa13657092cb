from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.consume_stream_message import ConsumeStreamMessage
from ...models.error import Error
from ...types import UNSET, Response, Unset


def _get_kwargs(
    stream: str,
    *,
    limit: int | Unset = 10,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["limit"] = limit

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/streams/{stream}/messages".format(
            stream=quote(str(stream), safe=""),
        ),
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Error | list[ConsumeStreamMessage] | None:
    if response.status_code == 200:
        response_200 = []
        _response_200 = response.json()
        for response_200_item_data in _response_200:
            response_200_item = ConsumeStreamMessage.from_dict(response_200_item_data)

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
) -> Response[Error | list[ConsumeStreamMessage]]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    stream: str,
    *,
    client: AuthenticatedClient,
    limit: int | Unset = 10,
) -> Response[Error | list[ConsumeStreamMessage]]:
    """Read the messages after the committed offset

     In order. Reading moves nothing: the same call repeats until a commit. If there is nothing, it waits
    up to 20 seconds (the server's setting) and answers as soon as there is.

    Args:
        stream (str):
        limit (int | Unset):  Default: 10.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Error | list[ConsumeStreamMessage]]
    """

    kwargs = _get_kwargs(
        stream=stream,
        limit=limit,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    stream: str,
    *,
    client: AuthenticatedClient,
    limit: int | Unset = 10,
) -> Error | list[ConsumeStreamMessage] | None:
    """Read the messages after the committed offset

     In order. Reading moves nothing: the same call repeats until a commit. If there is nothing, it waits
    up to 20 seconds (the server's setting) and answers as soon as there is.

    Args:
        stream (str):
        limit (int | Unset):  Default: 10.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Error | list[ConsumeStreamMessage]
    """

    return sync_detailed(
        stream=stream,
        client=client,
        limit=limit,
    ).parsed


async def asyncio_detailed(
    stream: str,
    *,
    client: AuthenticatedClient,
    limit: int | Unset = 10,
) -> Response[Error | list[ConsumeStreamMessage]]:
    """Read the messages after the committed offset

     In order. Reading moves nothing: the same call repeats until a commit. If there is nothing, it waits
    up to 20 seconds (the server's setting) and answers as soon as there is.

    Args:
        stream (str):
        limit (int | Unset):  Default: 10.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Error | list[ConsumeStreamMessage]]
    """

    kwargs = _get_kwargs(
        stream=stream,
        limit=limit,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    stream: str,
    *,
    client: AuthenticatedClient,
    limit: int | Unset = 10,
) -> Error | list[ConsumeStreamMessage] | None:
    """Read the messages after the committed offset

     In order. Reading moves nothing: the same call repeats until a commit. If there is nothing, it waits
    up to 20 seconds (the server's setting) and answers as soon as there is.

    Args:
        stream (str):
        limit (int | Unset):  Default: 10.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Error | list[ConsumeStreamMessage]
    """

    return (
        await asyncio_detailed(
            stream=stream,
            client=client,
            limit=limit,
        )
    ).parsed
