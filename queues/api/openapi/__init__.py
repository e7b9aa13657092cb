"""Each dialect's OpenAPI document, generated from its viewsets.

A dialect makes one ``Document`` (what holds for all its calls), names it on its viewsets, and decorates
each view with an ``Operation``. Paths and methods come from its URLconf; the schemas from the very types
that decode requests and from those that answers are made of.
"""
