"""Statements about destinations and their log."""

from __future__ import annotations

from queues.broker.db import Statement

DELETE_DESTINATION = Statement("DELETE FROM queues_destination WHERE id = :destination")
