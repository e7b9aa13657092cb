// What the drivers of peers in JavaScript have in common: messages that can be recognised, the check that none was
// lost or came twice, and the clock. A driver hands over `open()`, which gives sessions that publish, take and ack.
//
//     node DRIVER.js '{"url": "...", "mode": "lives", "c": 8, "n": 2000, "batch": 1, "size": 256}'
//
// Modes: lives (c=1: one session publishes, takes and acks in turn; else half the sessions publish, half consume) and
// latency (one publishes `rate` messages a second, c-1 consume). Prints one line of JSON, as the load generator does.
"use strict";

const now = () => Number(process.hrtime.bigint()) / 1e6;
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

class Run {
  constructor(options) {
    Object.assign(this, options);
    this.sentAt = new Float64Array(this.n);
    this.seen = new Uint8Array(this.n);
    this.latencies = [];
    this.received = this.acked = this.duplicated = this.foreign = this.taken = 0;
    this.atEnd = []; // called by a driver when the last message has come
    this.padding = "x".repeat(this.size);
    this.finished = new Promise((resolve) => { this.finish = resolve; });
  }

  /** The numbers of the next messages to publish; none when all are. */
  next() {
    const first = this.taken;
    this.taken = Math.min(this.n, first + this.batch);
    return Array.from({ length: this.taken - first }, (_, at) => first + at);
  }

  bodies(numbers) {
    const at = now();
    return numbers.map((number) => {
      this.sentAt[number] = at;
      return `m${number}:${this.padding}`.slice(0, this.size);
    });
  }

  /** A body arrived. */
  note(body) {
    const number = /^m(\d+):/.exec(body);
    if (!number || body.length !== this.size || Number(number[1]) >= this.n) {
      this.foreign += 1;
      return;
    }
    const at = Number(number[1]);
    if (this.seen[at]) {
      this.duplicated += 1;
      return;
    }
    this.seen[at] = 1;
    this.received += 1;
    this.latencies.push(now() - this.sentAt[at]);
  }

  /** So many more were acknowledged. */
  done(count) {
    this.acked += count;
    if (this.acked >= this.n) this.finish();
  }

  async publisher(session) {
    for (let numbers = this.next(); numbers.length; numbers = this.next()) {
      await session.publish(this.bodies(numbers));
    }
  }

  async pacedPublisher(session) {
    const began = now();
    for (let numbers = this.next(); numbers.length; numbers = this.next()) {
      await pause(Math.max(0, began + (numbers[0] * 1000) / this.rate - now()));
      await session.publish(this.bodies(numbers));
    }
  }

  async inTurn(session) {
    for (let numbers = this.next(); numbers.length; numbers = this.next()) {
      await session.publish(this.bodies(numbers));
      await session.take(numbers.length);
    }
  }
}

/** `open(run, role)` gives a session: publish(bodies), take(count) [c=1], consume() [others], close(). */
async function main(open) {
  const run = new Run(JSON.parse(process.argv[2]));
  const timer = setTimeout(() => { run.finish("time"); }, 60_000);
  const together = run.c === 1 && run.mode === "lives";
  const publishers = run.mode === "latency" ? 1 : Math.max(1, Math.floor(run.c / 2));
  const roles = together ? ["both"] : Array.from({ length: run.c }, (_, at) => (at < publishers ? "publish" : "consume"));
  const sessions = [];
  for (const role of roles) sessions.push(await open(run, role));
  const of = (role) => sessions.filter((_, at) => roles[at] === role);
  const consuming = of("consume").map((session) => session.consume());
  if (run.mode === "latency") await pause(1500); // every consumer waits
  const before = process.cpuUsage();
  const began = now();
  const work = together ? [run.inTurn(sessions[0])]
    : of("publish").map((s) => (run.mode === "latency" ? run.pacedPublisher(s) : run.publisher(s)));
  await Promise.all(work);
  await run.finished;
  const seconds = (now() - began) / 1000;
  const used = process.cpuUsage(before);
  clearTimeout(timer);
  const sorted = run.latencies.sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  const figures = {
    msgs_per_s: run.acked / seconds, p50_ms: at(0.5), p99_ms: at(0.99), seconds,
    lost: run.n - run.received, duplicated: run.duplicated, foreign: run.foreign,
    errors: run.n - run.acked, ack_rejected: 0,
    gen_cpu_s: (used.user + used.system) / 1e6,
  };
  console.log(JSON.stringify(figures));
  run.over = true;
  await Promise.all(sessions.map((session) => session.close()));
  await Promise.all(consuming);
  process.exit(0);
}

module.exports = { main, pause };
