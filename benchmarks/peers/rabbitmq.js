// RabbitMQ by AMQP: a quorum queue, persistent messages, publisher confirms, acks by hand. Every session has a
// connection of its own. A batch is published without waiting between its messages, and acked as one.
"use strict";

const amqp = require("amqplib");
const { main } = require("./load.js");

async function open(run, role) {
  const connection = await amqp.connect(run.url, { noDelay: true });
  const channel = await connection.createConfirmChannel();
  await channel.assertQueue(run.queue, { durable: true, arguments: { "x-queue-type": "quorum" } });
  let wake = () => {};
  let unacked = [];
  const ack = () => {
    const count = unacked.length;
    if (!count) return;
    channel.ack(unacked[count - 1], true);
    unacked = [];
    run.done(count);
  };
  run.atEnd.push(ack);
  const arrived = (message) => {
    run.note(message.content.toString("latin1"));
    unacked.push(message);
    if (unacked.length >= run.batch) ack();
    if (run.received >= run.n) run.atEnd.forEach((last) => last()); // also of those whose batch is not full
    wake();
  };
  const consume = async () => {
    await channel.prefetch(run.batch);
    await channel.consume(run.queue, arrived);
  };
  if (role === "both") await consume();
  return {
    async publish(bodies) {
      for (const body of bodies) {
        channel.sendToQueue(run.queue, Buffer.from(body, "latin1"), { persistent: true });
      }
      await channel.waitForConfirms();
    },
    async take() {
      while (run.acked < run.taken) await new Promise((resolve) => { wake = resolve; if (run.acked >= run.taken) resolve(); });
    },
    consume,
    async close() {
      await channel.close(); // its answer comes after the acks before it
      await connection.close();
    },
  };
}

main(open);
