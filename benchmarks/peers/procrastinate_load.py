"""procrastinate: tasks that do nothing, deferred to and run from PostgreSQL. Run by an environment of its
own.

Takes and prints what ``load.js`` does. Half of ``c`` are deferring at once, as many jobs run at once in
one worker that is told of new ones (LISTEN) and deletes those that are done. It takes its jobs one by
one, so only deferring knows batches.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from typing import Any

import procrastinate

LONGEST_SECONDS = 60
LEFT = "SELECT count(*) AS jobs FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"


class Run:
    def __init__(self, options: dict[str, Any]) -> None:
        self.mode, self.c, self.n = options["mode"], options["c"], options["n"]
        self.batch, self.size, self.rate = options["batch"], options["size"], options.get("rate", 0)
        self.app = procrastinate.App(
            connector=procrastinate.PsycopgConnector(
                conninfo=options["url"], min_size=self.c + 3, max_size=self.c + 3
            )
        )
        self.task = self.app.task(name=options["queue"], queue=options["queue"])(self.handle)
        self.queue = options["queue"]
        self.numbers = iter(range(0, self.n, self.batch))
        self.sent = [0.0] * self.n
        self.latencies: list[float] = []
        self.seen: set[int] = set()
        self.duplicated = self.foreign = 0
        self.came = asyncio.Event()

    async def handle(self, m: str) -> None:
        number = int(m[1 : m.index(":")])
        if len(m) != self.size or not 0 <= number < self.n:
            self.foreign += 1
        elif number in self.seen:
            self.duplicated += 1
        else:
            self.seen.add(number)
            self.latencies.append((time.perf_counter() - self.sent[number]) * 1000)
        self.came.set()

    async def publish(self, first: int) -> None:
        numbers = range(first, min(first + self.batch, self.n))
        at = time.perf_counter()
        for number in numbers:
            self.sent[number] = at
        bodies = [f"m{number}:".ljust(self.size, "x") for number in numbers]
        if len(bodies) == 1:
            await self.task.defer_async(m=bodies[0])
        else:
            await self.task.batch_defer_async(*({"m": body} for body in bodies))

    async def publisher(self) -> None:
        began = time.perf_counter()
        for first in self.numbers:
            if self.mode == "latency":
                await asyncio.sleep(max(0, began + first / self.rate - time.perf_counter()))
            self.came.clear()
            await self.publish(first)
            while self.c == 1 and len(self.seen) < first + self.batch:
                await self.came.wait()
                self.came.clear()

    async def measure(self) -> dict[str, Any]:
        publishers = 1 if self.mode == "latency" else max(1, self.c // 2)
        async with self.app.open_async():
            worker = asyncio.create_task(
                self.app.run_worker_async(
                    queues=[self.queue],
                    concurrency=max(1, self.c - publishers),
                    delete_jobs="always",
                    install_signal_handlers=False,
                )
            )
            await asyncio.sleep(1.5)
            began, before = time.perf_counter(), time.process_time()
            await asyncio.gather(*(self.publisher() for _ in range(publishers)))
            while len(self.seen) < self.n or (await self.app.connector.execute_query_one_async(LEFT))["jobs"]:
                if time.perf_counter() - began > LONGEST_SECONDS:
                    break
                await asyncio.sleep(0.01)
            seconds, used = time.perf_counter() - began, time.process_time() - before
            worker.cancel()
            await asyncio.gather(worker, return_exceptions=True)
        percentiles = statistics.quantiles(self.latencies, n=100)
        return {
            "msgs_per_s": len(self.seen) / seconds,
            "p50_ms": percentiles[49],
            "p99_ms": percentiles[98],
            "seconds": seconds,
            "lost": self.n - len(self.seen),
            "duplicated": self.duplicated,
            "foreign": self.foreign,
            "errors": 0,
            "ack_rejected": 0,
            "gen_cpu_s": used,
        }


async def main() -> None:
    options = json.loads(sys.argv[1])
    run = Run(options)
    if options["mode"] == "prepare":
        async with run.app.open_async():
            await run.app.schema_manager.apply_schema_async()
        print("{}")
        return
    print(json.dumps(await run.measure()))


if __name__ == "__main__":
    asyncio.run(main())
