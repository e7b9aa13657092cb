"""The operator console's pages of queues, one file a page. Loaded when the site's addresses are: ``urls``."""

from queues.admin import schedules  # noqa: F401  (a model's page: it registers itself)
