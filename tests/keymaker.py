"""Makes keys in a server's database: a JSON object a line in, another a line out.

In: ``email``, and if wanted ``scopes`` of the key and ``quotas`` of the account.
A process of its own, since it needs the server's settings; kept running, since a start takes a second.
"""

import json
import os
import sys

import django


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "okmq_site.settings"
    django.setup()
    from accounts.models import SCOPES, Account
    from accounts.services import create_key, get_or_create_account

    for line in sys.stdin:
        wanted = json.loads(line)
        account = get_or_create_account(wanted["email"])
        if wanted.get("quotas"):
            Account.objects.filter(pk=account.pk).update(**wanted["quotas"])
        key = create_key(account, "test", scopes=wanted.get("scopes") or SCOPES)
        print(json.dumps({"id": account.pk, "email": account.email, "key": key}), flush=True)


if __name__ == "__main__":
    main()
