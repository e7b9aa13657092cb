"""Sources: public addresses that publish to a queue what is sent to them.

marks.py       which source a message came by
directory.py   sources themselves: made, changed, looked at, with their log
ingest.py      a request to one of them
"""
