"""``manage.py serve`` and ``runworker`` as an operator meets them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.broker.at_once import eventually
from tests.server import START_SECONDS, Server, ServerFactory
from tests.site import wire

KEY = re.compile(r"API key\s+(okmq_\S+)")


def authorized(server: Server, key: str, path: str = "/queues") -> int:
    return wire.get(server, path, "GET", f"Authorization: Bearer {key}").status


def test_the_first_start_prints_key_and_password_once(make_server: ServerFactory) -> None:
    server = make_server(empty=True)
    first = server.output()
    keys = KEY.findall(first)
    assert len(keys) == 1
    assert authorized(server, keys[0]) == 200
    assert re.search(r"user admin\s+password \S{12,}", first)
    assert "curl " in first
    server.stop()

    begin = server.output_size()
    server.start()
    later = server.output(begin)
    assert "okmq_" not in later
    assert "password " in later
    assert "createkey EMAIL" in later
    assert authorized(server, keys[0]) == 200


@pytest.mark.once
def test_commands_before_the_first_start(make_server: ServerFactory) -> None:
    server = make_server.prepare(empty=True)

    def run(*arguments: str) -> tuple[int, str]:
        process = server.run_python("manage.py", *arguments)
        printed, _ = process.communicate(timeout=START_SECONDS)
        return process.returncode, printed

    code, printed = run("createkey", "someone@example.com")
    assert code == 1 and "makes the tables" in printed and "Traceback" not in printed
    assert run("migrate", "--verbosity", "0")[0] == 0
    assert run("createkey", "someone@example.com")[0] == 0
    server.start()
    assert "Nobody can log in to the console yet: manage.py createsuperuser" in server.output()


@pytest.mark.once
def test_the_printed_password_opens_the_console(make_server: ServerFactory) -> None:
    server = make_server(empty=True)
    password = re.search(r"password (\S+)", server.output())
    assert password is not None
    page = wire.get(server, "/admin/login/")
    token = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', page.body)
    assert token is not None
    form = f"username=admin&password={password[1]}&csrfmiddlewaretoken={token[1].decode()}".encode()
    cookie = page.headers["set-cookie"].split(";")[0]
    head = (
        f"POST /admin/login/?next=/admin/ HTTP/1.1\r\nHost: test\r\nCookie: {cookie}\r\nConnection: close\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(form)}\r\n\r\n"
    )
    answer = wire.exchange(server, head.encode() + form)
    assert (answer.status, answer.headers["location"]) == (302, "/admin/")


def test_no_secret_lies_on_the_disk(make_server: ServerFactory) -> None:
    server = make_server(empty=True)
    key = KEY.findall(server.output())[0].encode()
    server.stop()
    kept = [path for path in server.folder.rglob("*") if path.is_file() and path.name != "output.txt"]
    assert not [path for path in kept if key in path.read_bytes()]


def test_createkey_prints_a_key_that_works_at_once(server: Server) -> None:
    process = server.run_python("manage.py", "createkey", "someone@example.com")
    printed, _ = process.communicate(timeout=START_SECONDS)
    assert process.returncode == 0
    assert authorized(server, printed.strip()) == 200


def test_two_servers_may_make_their_first_start_at_once(make_server: ServerFactory) -> None:
    one = make_server.prepare(empty=True)
    names = [name for name in ("DATABASE_URL", "OKMQ_DATA_DIR") if name in one.environment]
    two = make_server.prepare((), empty=True, **{name: one.environment[name] for name in names})
    with ThreadPoolExecutor() as pool:
        list(pool.map(Server.start, [one, two]))
    keys = KEY.findall(one.output() + two.output())
    assert len(keys) == 1
    assert [authorized(one, keys[0]), authorized(two, keys[0])] == [200, 200]


def test_sigterm_ends_waiting_receives_and_exits_with_0(make_server: ServerFactory) -> None:
    server = make_server(OKMQ_POLL_SECONDS="55")
    answers, exit_code, seconds = stop_under_a_poll(server, signal.SIGTERM)
    assert answers == [(200, [])]
    assert exit_code == 0
    assert seconds < 10


@pytest.mark.once
def test_ctrl_c_is_as_gentle(make_server: ServerFactory) -> None:
    server = make_server(OKMQ_POLL_SECONDS="55")
    answers, exit_code, seconds = stop_under_a_poll(server, signal.SIGINT)
    assert answers == [(200, [])]
    assert exit_code == 0
    assert seconds < 10
    assert "Traceback" not in server.output()


def stop_under_a_poll(server: Server, signum: int) -> tuple[list[tuple[int, object]], int, float]:
    """Signal the whole process group, as a terminal does, while a receive waits: its answer, the exit
    code, and how long the stop took."""
    _, key = server.create_key()
    create = b'{"name": "q"}'
    head = f"POST /queues HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {key}\r\n"
    head += f"Content-Length: {len(create)}\r\n\r\n"
    assert wire.exchange(server, head.encode() + create).status == 201
    answers: list[tuple[int, object]] = []

    def poll() -> None:
        answer = wire.get(server, "/queues/q/messages", "GET", f"Authorization: {key}")
        answers.append((answer.status, answer.json()))

    poller = threading.Thread(target=poll)
    poller.start()
    poller.join(1.0)
    assert poller.is_alive(), answers
    begin = time.monotonic()
    os.killpg(server.pid, signum)
    exit_code = server.wait()
    seconds = time.monotonic() - begin
    poller.join(wire.SECONDS)
    return answers, exit_code, seconds


@pytest.mark.once
def test_a_silent_connection_does_not_hold_up_the_stop(make_server: ServerFactory) -> None:
    server = make_server()
    with wire.connect(server):
        assert wire.get(server, "/live").status == 200
        begin = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - begin < 12


@pytest.mark.once
def test_a_server_that_stops_listens_no_longer_while_it_finishes(make_server: ServerFactory) -> None:
    server = make_server()
    head = f"POST /queues HTTP/1.1\r\nHost: x\r\nAuthorization: {server.create_key()[1]}\r\n"
    with wire.connect(server) as half:
        half.sendall(f'{head}Content-Length: 13\r\n\r\n{{"name":'.encode())
        assert wire.get(server, "/live").status == 200, "and connections are taken in one after the other"
        os.kill(server.pid, signal.SIGTERM)
        eventually(lambda: _refuses(server))
        half.sendall(b" ")
        time.sleep(0.2)  # so that it comes in two pieces
        half.sendall(b'"q"}')
        assert wire.parse(wire.read_all(half)).status == 201
    assert server.wait() == 0


def _refuses(server: Server) -> bool:
    try:
        wire.connect(server).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.once
def test_several_processes_on_sqlite_are_advised_against(make_server: ServerFactory) -> None:
    server = make_server(processes=2, DATABASE_URL="")
    assert "Several processes on SQLite" in server.output()
    assert wire.get(server, "/live").status == 200


@pytest.mark.once
def test_a_port_in_use_is_told(make_server: ServerFactory, server: Server) -> None:
    other = make_server.prepare()
    port = server.url.rsplit(":", 1)[1]
    process = other.run_python("manage.py", "serve", "--port", port)
    printed, _ = process.communicate(timeout=START_SECONDS)
    assert process.returncode == 1
    assert "in use" in printed
    assert "API key" not in printed, "nothing was made that this output would be the only trace of"
    assert "Traceback" not in printed


@pytest.mark.once
def test_a_database_that_is_away_is_told(make_server: ServerFactory) -> None:
    other = make_server.prepare(DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing")
    process = other.run_python("manage.py", "serve", "--port", "0")
    printed, _ = process.communicate(timeout=START_SECONDS)
    assert process.returncode == 1
    assert "The database cannot be prepared" in printed
    assert "Traceback" not in printed


def test_runworker_runs_until_it_is_told_to_stop(server: Server) -> None:
    for signum in (signal.SIGTERM, signal.SIGINT):
        process = server.run_python("manage.py", "runworker")
        assert process.stdout is not None
        assert "worker is running" in process.stdout.readline()
        process.send_signal(signum)
        printed, _ = process.communicate(timeout=START_SECONDS)
        assert process.returncode == 0
        assert "Traceback" not in printed


@pytest.mark.once
def test_runworker_runs_no_number_of_tasks_below_zero(server: Server) -> None:
    process = server.run_python("manage.py", "runworker", "--task-concurrency", "-1")
    printed, _ = process.communicate(timeout=START_SECONDS)
    assert process.returncode == 1
    assert "--task-concurrency" in printed and "Traceback" not in printed


@pytest.mark.once
def test_gunicorn_opens_no_other_door(make_server: ServerFactory) -> None:
    server = make_server(HOME=str(make_server.folder))
    listening = subprocess.run(
        ["find", str(make_server.folder), "-type", "s"], capture_output=True, check=True
    )
    assert listening.stdout == b""
    assert wire.get(server, "/live").status == 200
