"""One stream as its owner sees it, and the operations of the contract's endpoint table (§1) on streams."""

from collections.abc import Iterator
from typing import Any

from .client import Answer, Client, Item, Pending, message, segment
from .routes import BATCH, Operation

LIST = Operation(16, "GET", "/streams", 200)
CREATE = Operation(17, "POST", "/streams", 201, {"name": "made by a route"})
READ = Operation(18, "GET", "/streams/{queue}", 200)
PATCH = Operation(19, "PATCH", "/streams/{queue}", 204, {"ttl": 60})
PRODUCE = Operation(21, "POST", "/streams/{queue}/messages", 204, BATCH)
CONSUME = Operation(22, "GET", "/streams/{queue}/messages", 200)
COMMIT = Operation(24, "POST", "/streams/{queue}/commit", 204, {"offset": 1})
CLEAR = Operation(23, "DELETE", "/streams/{queue}/messages", 204)
DELETE = Operation(20, "DELETE", "/streams/{queue}", 204)

# In an order in which each succeeds after those before it.
ON_A_STREAM = (READ, PATCH, PRODUCE, CONSUME, COMMIT, CLEAR, DELETE)
OPERATIONS = (LIST, CREATE, *ON_A_STREAM)
TAKES_ARRAY = (PRODUCE,)
TAKES_OBJECT = (CREATE, PATCH, COMMIT)


class Stream:
    """Each call asserts that it succeeded. `call` asserts nothing."""

    def __init__(self, client: Client, name: str) -> None:
        self.client, self.name = client, name
        self.path = "/streams/" + segment(name)

    def call(self, method: str, rest: str = "", **request: Any) -> Answer:
        return self.client.request(method, self.path + rest, **request)

    def create(self, **settings: Any) -> "Stream":
        self.client.post("/streams", {"name": self.name} | settings).expect(201)
        return self

    def info(self) -> dict[str, Any]:
        return dict(self.call("GET").expect(200).json())

    @property
    def committed(self) -> int:
        return int(self.info()["offset"])

    @property
    def count(self) -> int:
        return int(self.info()["message_count"])

    def patch(self, **settings: Any) -> None:
        self.call("PATCH", json=settings).expect(204)

    def delete(self) -> None:
        self.call("DELETE").expect(204)

    def send(self, *items: Item) -> Answer:
        return self.call("POST", "/messages", json=[message(item) for item in items])

    def produce(self, *items: Item) -> None:
        self.send(*items).expect(204)

    def consume(self, **query: object) -> list[dict[str, Any]]:
        """The messages; an empty stream is waited for, see `rest`."""
        found: list[dict[str, Any]] = self.call("GET", "/messages", query=query).expect(200).json()
        for one in found:
            assert set(one) == {"id", "body", "offset"}, one
        return found

    def ids(self, **query: object) -> list[str]:
        return [found["id"] for found in self.consume(**({"limit": 1000} | query))]

    def offsets(self, **query: object) -> list[int]:
        return [found["offset"] for found in self.consume(**({"limit": 1000} | query))]

    def poll(self, **query: object) -> Pending:
        return self.client.open_poll(self.path + "/messages", query)

    def send_commit(self, offset: object) -> Answer:
        return self.call("POST", "/commit", json={"offset": offset})

    def commit(self, offset: int) -> None:
        self.send_commit(offset).expect(204)

    def clear(self, **query: object) -> None:
        self.call("DELETE", "/messages", query=query).expect(204)

    def stored(self) -> list[str]:
        """All ids from the beginning on; the committed offset is put back. There must be at least one."""
        committed = self.committed
        self.commit(0)
        found = self.ids()
        self.commit(committed)
        return found


def statuses(client: Client, stream: str, new_name: str, slash: str = "") -> Iterator[tuple[str, int]]:
    """Runs all nine on an existing empty stream; yields their statuses."""
    for operation in OPERATIONS:
        json = {"name": new_name} if operation is CREATE else operation.json
        path = operation.at(segment(stream)) + slash
        yield operation.label, client.request(operation.method, path, json=json).status
