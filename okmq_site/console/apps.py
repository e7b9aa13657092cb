from django.contrib.admin.apps import AdminConfig


class ConsoleConfig(AdminConfig):
    """Django's admin, with the console's site in place of the default one."""

    default_site = "okmq_site.console.site.ConsoleSite"
