from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # In the master, before it forks the web processes: they are to share its memory.
        from accounts import wrong_keys  # noqa: F401
