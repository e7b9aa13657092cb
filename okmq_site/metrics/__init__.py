"""``/metrics``: what the server measures about itself, in Prometheus's text format. Off by default.

    instruments.py   what web processes count and time, as prometheus-client's objects
    shared.py        the folder through which web processes add up what they count
    sampler.py       levels (requests in flight, waiting receivers), looked at once a second
    queue_figures.py figures of each queue, read from the database when somebody asks for the metrics
    forq.py          the same figures under Forq's names
    view.py          the secret, and the page

docs/operations.md lists the metrics; a test compares the two.
"""
