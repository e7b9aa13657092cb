"""Renews the TypeScript client's lock file: names, versions and hashes only, wherever it was made."""

from __future__ import annotations

import json
import subprocess

from clients.generate import MANIFESTS

ELSEWHERE = ("resolved", "funding")


def main() -> None:
    manifest, lock = MANIFESTS
    lock.unlink(missing_ok=True)
    command = ["npm", "install", "--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund"]
    subprocess.run(command, cwd=manifest.parent, check=True)
    content = json.loads(lock.read_text(encoding="utf-8"))
    for package in content["packages"].values():
        for name in ELSEWHERE:
            package.pop(name, None)
    lock.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
