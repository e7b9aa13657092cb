from django.apps import AppConfig


class StreamsConfig(AppConfig):
    name = "streams"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from queues.broker import housekeeping
        from streams import directory, expiry

        # Housekeeping belongs to the engine, which knows nothing of streams: they ask for their share of it.
        housekeeping.SWEEPS.append(expiry.sweep)
        housekeeping.PURGES.append(directory.purge_deleted)
