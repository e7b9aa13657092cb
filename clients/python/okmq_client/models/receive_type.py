from typing import Literal

ReceiveType = Literal["acked", "all", "failed", "pending", "processing", "scheduled"]

RECEIVE_TYPE_VALUES: set[ReceiveType] = {
    "acked",
    "all",
    "failed",
    "pending",
    "processing",
    "scheduled",
}


def check_receive_type(value: str) -> ReceiveType:
    if value in RECEIVE_TYPE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {RECEIVE_TYPE_VALUES!r}")
