"""An operator's own app, as OKMQ_APPS names it."""
