"""The console's permissions, and a group for each role: viewer, operator, admin."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

PERMISSIONS = [
    ("console_view", "May see the console"),
    ("console_operate", "May replay, purge, pause, publish and resend"),
    ("console_administer", "May change accounts, keys and settings"),
]
ROLES = {"viewer": 1, "operator": 2, "admin": 3}
"""Of PERMISSIONS, how many."""


def make_roles(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    # Django makes a model's permissions after all migrations have run; the groups need them now.
    content_type, _ = apps.get_model("contenttypes", "ContentType").objects.get_or_create(
        app_label="accounts", model="account"
    )
    made = [
        apps.get_model("auth", "Permission").objects.get_or_create(
            content_type=content_type, codename=codename, defaults={"name": name}
        )[0]
        for codename, name in PERMISSIONS
    ]
    for name, count in ROLES.items():
        group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        group.permissions.add(*made[:count])


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [
        migrations.AlterModelOptions("account", {"permissions": PERMISSIONS}),
        migrations.RunPython(make_roles, migrations.RunPython.noop, elidable=False),
    ]
