from django.apps import AppConfig


class QueuesConfig(AppConfig):
    name = "queues"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from queues.broker import housekeeping, push_lanes
        from queues.push import log
        from queues.tasks import registry

        registry.autodiscover()
        housekeeping.PURGES.append(push_lanes.remove_closed)
        housekeeping.SWEEPS.append(log.prune)
