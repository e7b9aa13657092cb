// pg-boss: jobs in PostgreSQL, by its own calls send/insert, fetch, complete. Sessions share one pg-boss with a pool of as
// many connections. It has no notification: whoever finds nothing asks again after POLL_MS; in latency mode its own
// worker does, at the shortest interval it allows.
"use strict";

const PgBoss = require("pg-boss");
const { main, pause } = require("./load.js");

const POLL_MS = 5;
let shared = null;

function start(run) {
  shared ??= (async () => {
    const boss = new PgBoss({ connectionString: run.url, max: run.c, schedule: false });
    boss.on("error", console.error);
    await boss.start();
    await boss.createQueue(run.queue);
    return boss;
  })();
  return shared;
}

async function open(run) {
  const boss = await start(run);
  const step = async (count) => {
    const jobs = (await boss.fetch(run.queue, { batchSize: count })) ?? [];
    if (!jobs.length) {
      await pause(POLL_MS);
      return 0;
    }
    jobs.forEach((job) => run.note(job.data.m));
    await boss.complete(run.queue, jobs.map((job) => job.id));
    run.done(jobs.length);
    return jobs.length;
  };
  return {
    async publish(bodies) {
      if (bodies.length === 1) await boss.send(run.queue, { m: bodies[0] });
      else await boss.insert(bodies.map((m) => ({ name: run.queue, data: { m } })));
    },
    async take(count) {
      for (let left = count; left > 0 && !run.over;) left -= await step(count);
    },
    async consume() {
      if (run.mode !== "latency") {
        while (!run.over && run.acked < run.n) await step(run.batch);
        return;
      }
      await boss.work(run.queue, { pollingIntervalSeconds: 0.5, batchSize: 100 }, async (jobs) => {
        jobs.forEach((job) => run.note(job.data.m));
        run.done(jobs.length);
      });
    },
    async close() {},
  };
}

main(open);
