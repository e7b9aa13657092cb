from django.apps import AppConfig


class StreamsConfig(AppConfig):
    name = "streams"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from queues.broker import housekeeping, quotas
        from streams import directory, expiry, sql

        # Housekeeping and quotas belong to the engine, which knows nothing of streams: they ask for their
        # share of them.
        quotas.CHANNELS["streams"] = quotas.Channel(sql.NAMES, sql.COUNT_STREAMS)
        housekeeping.SWEEPS.append(expiry.sweep)
        housekeeping.PURGES.append(directory.purge_deleted)
