from typing import Literal

DeleteMessagesType = Literal["acked", "all", "failed", "pending", "processing", "scheduled"]

DELETE_MESSAGES_TYPE_VALUES: set[DeleteMessagesType] = {
    "acked",
    "all",
    "failed",
    "pending",
    "processing",
    "scheduled",
}


def check_delete_messages_type(value: str) -> DeleteMessagesType:
    if value in DELETE_MESSAGES_TYPE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {DELETE_MESSAGES_TYPE_VALUES!r}")
