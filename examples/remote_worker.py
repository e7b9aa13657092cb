"""A worker for tasks of one type, in any process anywhere. Needs nothing but Python.

OKMQ_URL=http://127.0.0.1:8080 OKMQ_KEY=... python examples/remote_worker.py thumbnail:make
"""

import json
import os
import sys
import urllib.error
import urllib.request

URL, HEADERS = os.environ["OKMQ_URL"], {"Authorization": f"Bearer {os.environ['OKMQ_KEY']}"}


def call(method, path, body=None):
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, content, HEADERS, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def work(payload, report):
    for step, item in enumerate(payload["items"], 1):
        report(percentage=100 * step // len(payload["items"]), message=f"did {item}")
    return {"done": len(payload["items"])}


def run(task):
    def say(what, **said):
        said["lease_token"] = task["lease_token"]
        return call("POST", f"/api/v1/tasks/{task['id']}/{what}", said)

    try:
        result = work(task["payload"], lambda **said: say("progress", **said))
        say("complete", result=result)
    except urllib.error.HTTPError as refusal:
        if refusal.code != 409:  # cancelled, or somebody else's by now: nothing more to say
            raise
    except Exception as error:
        say("fail", error=f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    call("PUT", f"/api/v1/task-types/{sys.argv[1]}")
    while True:
        for task in call("POST", "/api/v1/tasks/claim", {"types": sys.argv[1:], "wait": "20s"})["tasks"]:
            run(task)
