from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from okmq_site import databases, env, secret
from tests.server import ROOT

pytestmark = pytest.mark.once

OURS = ("okmq_site", "accounts", "queues", "manage.py")


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``manage.py`` with nothing but ``environment`` set."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_page_of_settings_is_the_table() -> None:
    assert (ROOT / "docs" / "settings.md").read_text() == env.markdown(), "run `make docs`"


def test_every_setting_is_explained_and_named_once() -> None:
    names = [setting.name for setting in env.TABLE]
    assert len(names) == len(set(names))
    assert all(setting.meaning.endswith(".") for setting in env.TABLE)


def test_every_setting_is_used_and_every_used_one_is_in_the_table() -> None:
    read = set(re.findall(r'values\["(\w+)"\]', (ROOT / "okmq_site" / "settings.py").read_text()))
    assert read == {setting.name for setting in env.TABLE}


def test_nothing_else_reads_the_environment() -> None:
    found = [
        path for path in sources() if re.search(r"os\.(environ\b(?!\.setdefault)|getenv)", path.read_text())
    ]
    assert [str(path.relative_to(ROOT)) for path in found] == ["okmq_site/env.py"]


def test_every_okmq_setting_that_code_asks_for_exists() -> None:
    asked = {name for path in sources() for name in re.findall(r"settings\.(OKMQ_\w+)", path.read_text())}
    assert [name for name in asked if not hasattr(settings, name)] == []


def sources() -> list[Path]:
    found = [path for name in OURS for path in [ROOT / name, *(ROOT / name).rglob("*.py")]]
    return [path for path in found if path.is_file()]


def test_the_server_starts_with_no_setting_at_all(tmp_path: Path) -> None:
    done = manage("check", OKMQ_DATA_DIR=str(tmp_path / "new" / "data"))
    assert done.returncode == 0, done.stderr


BAD = {
    "PORT": ("http", "expected a whole number from 0 to 65535"),
    "OKMQ_POLL_SECONDS": ("56", "expected a whole number from 5 to 55"),
    "OKMQ_SWEEP_SECONDS": ("61", "expected a whole number from 1 to 60"),
    "OKMQ_DEBUG": ("maybe", "expected true or false"),
    "OKMQ_LOG_LEVEL": ("LOUD", "expected one of DEBUG, INFO, WARNING, ERROR"),
    "OKMQ_RESERVED_THREADS": ("640", "must be less than OKMQ_THREADS"),
    "OKMQ_ANONYMOUS_ACCOUNT": ("everybody", "expected an e-mail address"),
    "OKMQ_APPS": ("shopp", "there is no such app"),
    "OKMQ_CORS_ORIGIN": ("https://app.example.com/", "with nothing behind the host"),
    "OKMQ_CSRF_TRUSTED_ORIGINS": ("https://a.example.com, b.example.com", "expected an origin"),
    "DATABASE_URL": ("mysql://root@localhost/okmq", "must begin with sqlite:// or postgresql://"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_value_stops_the_start_with_one_line(name: str, tmp_path: Path) -> None:
    value, complaint = BAD[name]
    done = manage("check", OKMQ_DATA_DIR=str(tmp_path), **{name: value})
    assert done.returncode == 1
    assert done.stderr.startswith(f"okmq: {name}")
    assert complaint in done.stderr
    assert done.stderr.count("\n") == 1


def test_receipts_cannot_be_left_out_and_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OKMQ_FORQ_V0", "true")
    assert env.read()["OKMQ_FORQ_V0"] is True
    monkeypatch.setenv("OKMQ_FORQ_REQUIRE_RECEIPT", "true")
    with pytest.raises(ImproperlyConfigured, match="OKMQ_FORQ_REQUIRE_RECEIPT"):
        env.read()


def test_an_empty_value_counts_as_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OKMQ_POLL_SECONDS", "")
    monkeypatch.setenv("OKMQ_SECURE", " ")
    values = env.read()
    assert values["OKMQ_POLL_SECONDS"] == 20
    assert values["OKMQ_SECURE"] is False


def test_lists_and_truth_values_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OKMQ_ALLOWED_HOSTS", "mq.example.com, localhost")
    monkeypatch.setenv("OKMQ_SECURE", "true")
    values = env.read()
    assert values["OKMQ_ALLOWED_HOSTS"] == ["mq.example.com", "localhost"]
    assert values["OKMQ_SECURE"] is True


def test_check_deploy_is_clean_with_production_settings(tmp_path: Path) -> None:
    done = manage(
        "check",
        "--deploy",
        "--fail-level",
        "DEBUG",
        OKMQ_DATA_DIR=str(tmp_path),
        OKMQ_SECURE="true",
        OKMQ_ALLOWED_HOSTS="mq.example.com",
        SECRET_KEY="".join(chr(33 + number % 90) for number in range(80)),
    )
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


def test_check_deploy_is_clean_with_the_generated_key(tmp_path: Path) -> None:
    done = manage(
        "check", "--deploy", "--fail-level", "DEBUG", OKMQ_DATA_DIR=str(tmp_path), OKMQ_SECURE="true"
    )
    assert done.returncode == 0, done.stderr


def test_the_secret_key_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    key = secret.kept_in(folder)
    assert len(key) >= 50
    assert secret.kept_in(folder) == key
    assert [path.name for path in folder.iterdir()] == ["secret_key"]
    assert stat.S_IMODE((folder / "secret_key").stat().st_mode) == 0o600


def test_an_emptied_secret_key_file_is_no_key(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text("\n")
    with pytest.raises(ImproperlyConfigured, match="is empty"):
        secret.kept_in(tmp_path)


def test_a_data_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ImproperlyConfigured, match="OKMQ_DATA_DIR cannot be used"):
        secret.kept_in(tmp_path / "file" / "data")


def settings_for(url: str | None, folder: Path, *, prepare: bool = True) -> dict[str, object]:
    return databases.settings_for(url, data_dir=folder, pool=7, prepare=prepare)


def test_sqlite_is_durable_and_in_the_data_folder(tmp_path: Path) -> None:
    found = settings_for(None, tmp_path / "data")
    assert found["NAME"] == str(tmp_path / "data" / "okmq.sqlite3")
    assert (tmp_path / "data").is_dir()
    options = found["OPTIONS"]
    assert isinstance(options, dict)
    assert options["transaction_mode"] == "IMMEDIATE"
    assert "PRAGMA synchronous = FULL" in options["init_command"]
    assert "PRAGMA journal_mode = WAL" in options["init_command"]


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite://:memory:"])
def test_sqlite_in_memory_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match="SQLite file"):
        settings_for(url, tmp_path)


def test_postgresql_has_a_pool_and_prepares(tmp_path: Path) -> None:
    found = settings_for("postgresql://me:secret@db:5433/mq?sslmode=require", tmp_path)
    assert (found["HOST"], found["PORT"], found["NAME"], found["USER"]) == ("db", 5433, "mq", "me")
    options = found["OPTIONS"]
    assert isinstance(options, dict)
    assert options["sslmode"] == "require"
    assert options["pool"]["max_size"] == 7
    assert options["prepare_threshold"] == 5


def test_prepared_statements_can_be_turned_off(tmp_path: Path) -> None:
    found = settings_for("postgres://me@db/mq", tmp_path, prepare=False)
    options = found["OPTIONS"]
    assert isinstance(options, dict)
    assert options["prepare_threshold"] is None
    assert found["DISABLE_SERVER_SIDE_CURSORS"] is True


@pytest.mark.parametrize("url", ["nonsense", "mysql://db/mq", "postgresql://db:port/mq"])
def test_other_databases_are_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL"):
        settings_for(url, tmp_path)
