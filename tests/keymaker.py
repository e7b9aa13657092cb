"""Makes keys in a server's database: an e-mail address a line in, a JSON object a line out.

A process of its own, since it needs the server's settings; kept running, since a start takes a second.
"""

import json
import os
import sys

import django


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "okmq_site.settings"
    django.setup()
    from accounts.services import create_key, get_or_create_account

    for line in sys.stdin:
        account = get_or_create_account(line.strip())
        made = {"id": account.pk, "email": account.email, "key": create_key(account, "test")}
        print(json.dumps(made), flush=True)


if __name__ == "__main__":
    main()
