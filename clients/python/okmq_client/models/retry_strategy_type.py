from typing import Literal

RetryStrategyType = Literal["exponential", "fixed", "linear", "none"]

RETRY_STRATEGY_TYPE_VALUES: set[RetryStrategyType] = {
    "exponential",
    "fixed",
    "linear",
    "none",
}


def check_retry_strategy_type(value: str) -> RetryStrategyType:
    if value in RETRY_STRATEGY_TYPE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {RETRY_STRATEGY_TYPE_VALUES!r}")
