from django.apps import AppConfig
from django.conf import settings


class QueuesConfig(AppConfig):
    name = "queues"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from queues.api.agentuity.pushed import message_object
        from queues.broker import housekeeping, listeners, push_lanes
        from queues.push import bodies, log
        from queues.push.types import Form
        from queues.tasks import journal, keeping, registry

        registry.autodiscover()
        if getattr(settings, "TASKS", None):
            from queues.tasks import backend

            backend.register()
        bodies.FORMS[Form.MESSAGE] = message_object
        # The engine knows of no tasks: it tells them, and asks for their share of the housekeeping.
        listeners.LISTENERS[journal.NAME] = journal.listen
        listeners.PURGED.append(journal.purge)
        housekeeping.PURGES += [push_lanes.remove_closed, keeping.drop_locks]
        housekeeping.SWEEPS += [log.prune, keeping.trim_archive]
