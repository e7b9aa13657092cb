// Every queue operation of the published client against a server: node drive.mjs URL KEY WEBHOOK.
// The client validates each answer by its schemas; what it returns is looked at here. One line a function.
import assert from 'node:assert/strict';
import * as q from '@agentuity/core/queue';
import {
	APIClient,
	QueueStorageService,
	buildClientHeaders,
	createMinimalLogger,
	createServerFetchAdapter,
} from '@agentuity/server';

const [url, key] = process.argv.slice(2);
const logger = createMinimalLogger();
const client = new APIClient(url, logger, key);
const NAME = 'orders';
const called = [];

/** Calls a function of the client by its name. */
async function call(name, ...args) {
	called.push(name);
	return await q[name](client, ...args);
}

async function fails(tag, name, ...args) {
	await assert.rejects(call(name, ...args), (error) => {
		assert.equal(error._tag ?? error.name, tag, String(error));
		return true;
	});
}

const queue = await call('createQueue', {
	name: NAME,
	queue_type: 'worker',
	description: 'Orders',
	settings: { default_max_retries: 1, default_retry_backoff_ms: 0 },
});
assert.match(queue.id, /^queue_/);
assert.equal((await call('getQueue', NAME)).default_max_retries, 1);
assert.equal((await call('listQueues', { name: 'rder', limit: 5, offset: 0 })).total, 1);
assert.equal((await call('updateQueue', NAME, { description: 'New' })).description, 'New');
assert.ok((await call('pauseQueue', NAME)).paused_at);
assert.equal((await call('resumeQueue', NAME)).paused_at, null);
await fails('QueueNotFoundError', 'getQueue', 'missing');
await assert.rejects(call('createQueue', { name: NAME, queue_type: 'worker' }), /already exists/);

const first = await call('publishMessage', NAME, {
	payload: { a: 1 },
	metadata: { p: 'high' },
	idempotency_key: 'k',
});
assert.deepEqual([first.offset, first.state, first.size], [0, 'pending', 7]);
const batch = await call('batchPublishMessages', NAME, [{ payload: 0 }, { payload: '' }, { payload: [] }]);
assert.deepEqual(batch.messages.map((message) => message.payload), [0, '', []]);
assert.deepEqual(await call('getMessage', NAME, first.id), first);
assert.equal((await call('getMessageByOffset', NAME, 2)).payload, '');
assert.equal((await call('listMessages', NAME, { limit: 2, offset: 1, state: 'pending' })).total, 4);
await call('deleteMessage', NAME, batch.messages[2].id);
await fails('MessageNotFoundError', 'getMessage', NAME, batch.messages[2].id);
assert.equal((await call('consumeMessages', NAME, { offset: 1, limit: 10 })).messages.length, 2);
assert.deepEqual([await call('getQueueHead', NAME), await call('getQueueTail', NAME)], [0, 2]);

const received = await call('receiveMessage', NAME, 5);
assert.deepEqual([received.id, received.state, received.delivery_attempts], [first.id, 'leased', 1]);
assert.equal((await call('listConsumers', NAME)).length, 1);
await call('ackMessage', NAME, received.id);
assert.equal((await call('listMessages', NAME, { state: 'delivered' })).total, 1);
assert.equal((await call('replayMessage', NAME, received.id)).state, 'pending');
await call('ackMessage', NAME, (await call('receiveMessage', NAME)).id);

const doomed = await call('receiveMessage', NAME);
await call('nackMessage', NAME, doomed.id);
const letters = await call('listDeadLetterMessages', NAME, { limit: 10 });
assert.deepEqual([letters.total, letters.messages[0].id], [1, doomed.id]);
assert.equal((await call('replayDeadLetterMessage', NAME, doomed.id)).state, 'pending');
await call('nackMessage', NAME, (await call('receiveMessage', NAME)).id);
await call('deleteDeadLetterMessage', NAME, doomed.id);
await fails('MessageNotFoundError', 'deleteDeadLetterMessage', NAME, doomed.id);
await call('purgeDeadLetter', NAME);
await call('ackMessage', NAME, (await call('receiveMessage', NAME)).id);
assert.equal(await call('receiveMessage', NAME, 1), null);

const config = { url: 'https://example.com/hook', headers: { 'X-A': '1' } };
const destination = await call('createDestination', NAME, { name: 'hook', destination_type: 'http', config });
assert.equal(destination.config.url, config.url);
await fails('DestinationAlreadyExistsError', 'createDestination', NAME, {
	name: 'hook',
	destination_type: 'http',
	config,
});
assert.equal((await call('listDestinations', NAME)).length, 1);
assert.equal((await call('updateDestination', NAME, destination.id, { enabled: false })).enabled, false);
assert.deepEqual(await call('listDestinationDeliveries', NAME, destination.id, { limit: 5 }), []);
await call('deleteDestination', NAME, destination.id);
await fails('DestinationNotFoundError', 'deleteDestination', NAME, destination.id);

const source = await call('createSource', NAME, { name: 'in', auth_type: 'basic', auth_value: 'me:secret' });
const authorization = `Basic ${Buffer.from('me:secret').toString('base64')}`;
const posted = await fetch(source.url, { method: 'POST', body: '{"b":2}', headers: { authorization } });
assert.equal(posted.status, 200);
assert.equal((await fetch(source.url, { method: 'POST', body: '{}' })).status, 401);
assert.equal((await call('listSources', NAME))[0].request_count, 2);
assert.equal((await call('getSource', NAME, source.id)).failure_count, 1);
assert.equal((await call('listSourceEvents', NAME, source.id, { limit: 5 })).length, 2);
assert.equal((await call('updateSource', NAME, source.id, { enabled: false })).enabled, false);
await fails('SourceAlreadyExistsError', 'createSource', NAME, { name: 'in' });
assert.equal((await call('receiveMessage', NAME)).source_name, 'in');
await call('deleteSource', NAME, source.id);
await fails('SourceNotFoundError', 'getSource', NAME, source.id);

assert.equal((await call('getQueueAnalytics', NAME, { granularity: 'minute' })).period_stats.messages_published, 5);
assert.equal((await call('getOrgAnalytics')).summary.total_queues, 1);
assert.equal((await call('getQueueTimeSeries', NAME, { granularity: 'minute' })).series.length, 60);
assert.equal((await call('getOrgTimeSeries', { granularity: 'hour' })).series.length, 24);
for (const [name, ...args] of [['streamQueueAnalytics', NAME], ['streamOrgAnalytics']]) {
	called.push(name);
	for await (const event of q[name](client, ...args, { interval: 1 })) {
		assert.equal(event.messages_in_flight, 1);
		break;
	}
}

// What an agent has as ctx.queue.
const service = new QueueStorageService(
	url,
	createServerFetchAdapter({ headers: buildClientHeaders({ apiKey: key }) }, logger)
);
await service.createQueue('made-by-ctx');
const result = await service.publish('made-by-ctx', { a: 1 }, { idempotencyKey: 'k', sync: true });
assert.deepEqual([result.offset, typeof result.publishedAt], [0, 'string']);
await service.deleteQueue('made-by-ctx');
await assert.rejects(service.publish('made-by-ctx', {}), { name: 'QueueNotFoundError' });

await call('deleteQueue', NAME);
await assert.rejects(new APIClient(url, logger, 'wrong').get('/queue/list'), { status: 401 });

const functions = Object.keys(q).filter((name) => typeof q[name] === 'function' && q[name].length >= 1);
console.log(JSON.stringify({ called: [...new Set(called)].sort(), functions: functions.sort() }));
