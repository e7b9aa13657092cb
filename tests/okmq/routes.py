"""The fourteen operations of the contract's endpoint table (§1) that concern queues and topics."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .client import MISSING, Client, segment


@dataclass(frozen=True)
class Operation:
    """One row of the table, with a request that succeeds on a queue which holds the message."""

    number: int
    method: str
    path: str
    success: int
    json: Any = MISSING

    @property
    def label(self) -> str:
        return f"#{self.number} {self.method} {self.path}"

    def at(self, queue: str = "q", id: str = "m", topic: str = "t") -> str:
        """The path with these parts, which are percent-encoded already."""
        return self.path.format(queue=queue, id=id, topic=topic)


BATCH = [{"id": "m", "body": "b"}]

LIST = Operation(2, "GET", "/queues", 200)
CREATE = Operation(3, "POST", "/queues", 201, {"name": "made by a route"})
READ = Operation(4, "GET", "/queues/{queue}", 200)
PATCH = Operation(5, "PATCH", "/queues/{queue}", 204, {"lock_duration": 60})
ENQUEUE = Operation(9, "POST", "/queues/{queue}/messages", 204, BATCH)
STATS = Operation(7, "GET", "/queues/{queue}/stats", 200)
GET_ONE = Operation(11, "GET", "/queues/{queue}/messages/{id}", 200)
RECEIVE = Operation(8, "GET", "/queues/{queue}/messages", 200)
ACK = Operation(13, "POST", "/queues/{queue}/ack", 204, [{"id": "m", "ack": True}])
RESET = Operation(14, "POST", "/queues/{queue}/resetfailed", 204)
PUBLISH = Operation(15, "POST", "/topics/{topic}/messages", 204, BATCH)
DELETE_ONE = Operation(12, "DELETE", "/queues/{queue}/messages/{id}", 204)
CLEAR = Operation(10, "DELETE", "/queues/{queue}/messages", 204)
DELETE = Operation(6, "DELETE", "/queues/{queue}", 204)

# In an order in which each succeeds after those before it.
ON_A_QUEUE = (READ, PATCH, ENQUEUE, STATS, RECEIVE, GET_ONE, ACK, RESET, DELETE_ONE, CLEAR, DELETE)
OPERATIONS = (LIST, CREATE, *ON_A_QUEUE[:-1], PUBLISH, DELETE)

TAKES_ARRAY = (ENQUEUE, ACK, PUBLISH)
TAKES_OBJECT = (CREATE, PATCH, CLEAR, RESET)
BODY_IS_OPTIONAL = (CLEAR, RESET)


def statuses(
    client: Client, queue: str, topic: str, new_name: str, slash: str = ""
) -> Iterator[tuple[str, int]]:
    """Runs all fourteen on an existing queue that has subscribed to the topic; yields their statuses."""
    for operation in OPERATIONS:
        json = {"name": new_name} if operation is CREATE else operation.json
        path = operation.at(segment(queue), "m", segment(topic)) + slash
        yield operation.label, client.request(operation.method, path, json=json).status
