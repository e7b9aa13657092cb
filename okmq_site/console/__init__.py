"""The operator console: Django's admin with a site, a theme, roles and a security policy of its own.

Its pages live with what they show: ``queues/admin/``, ``streams/admin.py``, ``accounts/admin.py``.
"""
