"""Clients for the OKMQ API, generated from its document."""
