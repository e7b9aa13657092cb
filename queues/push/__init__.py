"""Pushing messages to HTTP destinations.

``destinations``: what dialects and the console call. ``pusher``: the worker's service that sends. Its
deliveries live in lanes of their own beside the pull lane (``queues.broker.push_lanes``): a destination that
fails holds up nobody else, and what becomes of a message there changes nothing for those who receive it.
"""
