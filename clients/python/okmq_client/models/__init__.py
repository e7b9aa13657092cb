"""Contains all the data models used in inputs/outputs"""

from .account import Account
from .ack_status import AckStatus
from .consume_stream_message import ConsumeStreamMessage
from .create_queue_request import CreateQueueRequest
from .create_stream_request import CreateStreamRequest
from .delete_messages_request import DeleteMessagesRequest
from .delete_messages_type import DeleteMessagesType
from .dequeue_message import DequeueMessage
from .enqueue_message import EnqueueMessage
from .error import Error
from .message import Message
from .produce_stream_message import ProduceStreamMessage
from .queue import Queue
from .queue_stats import QueueStats
from .receive_type import ReceiveType
from .reset_failed_request import ResetFailedRequest
from .retry_strategy import RetryStrategy
from .stream import Stream
from .stream_commit_request import StreamCommitRequest
from .update_queue_request import UpdateQueueRequest
from .update_stream_request import UpdateStreamRequest

__all__ = (
    "Account",
    "AckStatus",
    "ConsumeStreamMessage",
    "CreateQueueRequest",
    "CreateStreamRequest",
    "DeleteMessagesRequest",
    "DeleteMessagesType",
    "DequeueMessage",
    "EnqueueMessage",
    "Error",
    "Message",
    "ProduceStreamMessage",
    "Queue",
    "QueueStats",
    "ReceiveType",
    "ResetFailedRequest",
    "RetryStrategy",
    "Stream",
    "StreamCommitRequest",
    "UpdateQueueRequest",
    "UpdateStreamRequest",
)
