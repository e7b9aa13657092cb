"""The worker: what the server does besides answering requests.

``services.all_services`` lists the duties, ``crew.Crew`` runs them. ``manage.py runworker`` is a crew in a
process of its own; ``manage.py serve`` has one in one of its web processes (``okmq_site.process``).
"""
