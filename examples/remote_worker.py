"""A worker for tasks of some types, in any process anywhere. Needs nothing but Python, and a key with the
scopes ``manage`` (to register the types) and ``consume``.

    OKMQ_URL=http://127.0.0.1:8080 OKMQ_KEY=... python examples/remote_worker.py thumbnail:make

Something to do for it:

    curl -H "Authorization: Bearer $OKMQ_KEY" $OKMQ_URL/api/v1/tasks \\
         -d '{"type": "thumbnail:make", "payload": {"items": ["a.png", "b.png"]}}'
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request

URL, HEADERS = os.environ["OKMQ_URL"], {"Authorization": f"Bearer {os.environ['OKMQ_KEY']}"}
PAUSE_SECONDS = 2


class Refused(Exception):
    """What the server says to a call that will not do."""

    def __init__(self, code, text):
        super().__init__(f"{code} {text}")
        self.code = code


def call(method, path, body=None):
    """Again and again while the server is away: it is restarted, perhaps."""
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, content, HEADERS, method=method)
    while True:
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code != 429:
                raise Refused(error.code, error.read().decode()) from None
            trouble = error
        except OSError as error:
            trouble = error
        sys.stderr.write(f"{method} {path}: {trouble}\n")
        time.sleep(PAUSE_SECONDS)


def work(payload, report):
    """To be replaced. Each report renews the lease, which is 30 seconds unless the claim asks for another."""
    for step, item in enumerate(payload["items"], 1):
        report(percentage=100 * step // len(payload["items"]), message=f"did {item}")
    return {"done": len(payload["items"])}


def run(task):
    def say(what, **said):
        said["lease_token"] = task["lease_token"]
        return call("POST", f"/api/v1/tasks/{task['id']}/{what}", said)

    try:
        try:
            result = work(task["payload"], lambda **said: say("progress", **said))
        except Refused:
            raise
        except Exception as error:
            say("fail", error=f"{type(error).__name__}: {error}")
        else:
            say("complete", result=result)
    except Refused as refusal:
        if refusal.code not in (404, 409):  # deleted, cancelled, or somebody else's by now
            raise


if __name__ == "__main__":
    for name in sys.argv[1:]:
        call("PUT", f"/api/v1/task-types/{name}")
    while True:
        for task in call("POST", "/api/v1/tasks/claim", {"types": sys.argv[1:], "wait": "20s"})["tasks"]:
            run(task)
