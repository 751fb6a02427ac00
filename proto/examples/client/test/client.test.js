// client.js and what is beneath it, against a running demo.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client } from '../client.js';
import { caching, retrying } from '../fetch.js';
import { Problem } from '../problem.js';
import { fresh, server, watched } from './wire.js';

async function loggedIn(username, send) {
  const client = new Client(server, send);
  await client.login(username, 'demo');
  return client;
}

test('what has not changed is not sent again', async () => {
  const wire = watched();
  const api = await loggedIn('editor', caching(retrying(wire.send)));
  const path = `/v1/entities/${fresh('kettle')}`;
  await api.send('PUT', path, { body: { displayName: 'A kettle' } });

  const first = await api.send('GET', path);
  const second = await api.send('GET', path);
  assert.deepEqual(second.body, first.body);
  assert.equal(second.status, 200);
  await api.send('PATCH', path, { body: { displayName: 'Another' } });
  assert.equal((await api.send('GET', path)).body.displayName, 'Another');
  assert.deepEqual(wire.statuses('GET', path), [200, 304, 200]);
});

test('what several change at the same time each has changed', async () => {
  const wire = watched();
  const both = [await loggedIn('editor', wire.send), await loggedIn('admin')];
  const { headers } = await both[0].create('/v1/entities', { displayName: 'A kettle', attributes: { boiled: 0 } });
  const path = headers.get('Location');
  const boil = ({ attributes }) => ({ attributes: { boiled: attributes.boiled + 1 } });
  await Promise.all(both.map(async (api) => {
    for (let i = 0; i < 5; i++) await api.update(path, boil, 50);
  }));
  assert.equal((await both[0].send('GET', path)).body.attributes.boiled, 10);
});

test('a change is tried again, and not forever', async () => {
  const wire = watched();
  const [api, other] = [await loggedIn('editor', wire.send), await loggedIn('editor')];
  const path = `/v1/entities/${fresh('kettle')}`;
  await api.send('PUT', path, { body: { displayName: 'A kettle' } });
  const late = async () => {
    await other.send('PATCH', path, { body: { displayName: 'Theirs' } });
    return { displayName: 'Ours' };
  };
  await assert.rejects(api.update(path, late, 3), { name: 'Problem', status: 412, reason: 'PRECONDITION_FAILED', domain: 'statusway.v1' });
  assert.deepEqual(wire.statuses('PATCH', path), [412, 412, 412]);
  await assert.rejects(api.update(`${path}-0`, late), { status: 404 });
});

test('what is sent again because its answer was lost is done once', async () => {
  let lost = false;
  const wire = watched(async (request) => {
    const response = await fetch(request);
    if (request.method !== 'POST' || lost || !request.url.endsWith('/entities')) return response;
    lost = true;
    throw new TypeError('fetch failed');
  });
  const api = await loggedIn('editor', retrying(wire.send));
  const id = fresh('kettle');
  const { status, headers } = await api.create('/v1/entities', { id, displayName: 'A kettle' });
  assert.deepEqual([lost, status, headers.get('Idempotency-Replayed')], [true, 201, 'true']);
  await assert.rejects(api.create('/v1/entities', { id, displayName: 'A kettle' }), { status: 409, reason: 'ENTITY_EXISTS' });
});

test('whoever comes during maintenance comes back after it', async () => {
  const admin = await loggedIn('admin');
  const maintenance = (body) => admin.send('PUT', '/v1/maintenance', { body });
  const wire = watched(async (request) => {
    const response = await fetch(request);
    if (response.status === 503) await maintenance({ enabled: false });
    return response;
  });
  const api = await loggedIn('editor', retrying(wire.send));
  await maintenance({ enabled: true, retryAfter: 1 });
  const { status } = await api.create('/v1/entities', { displayName: 'A kettle' });
  assert.equal(status, 201);
  assert.deepEqual(wire.statuses('POST', '/v1/entities'), [503, 201]);
  const keys = wire.exchanges.slice(-2).map(({ request }) => request.headers.get('Idempotency-Key'));
  assert.ok(keys[0] && keys[0] === keys[1]);
});

test('an import is followed to its end, and a list through its pages', async () => {
  const wire = watched();
  const api = await loggedIn('editor', retrying(wire.send));
  const entities = Array.from({ length: 25 }, () => ({ id: fresh('cup'), displayName: 'A cup' }));
  const accepted = await api.create('/v1/entities:import', { entities });
  assert.equal(accepted.status, 202);
  const operation = await api.follow(accepted);
  assert.equal(operation.done, true);
  assert.equal(operation.response.created, 25);

  const listed = new Set();
  for await (const { id } of api.list('/v1/entities', 'entities', { pageSize: 10 })) listed.add(id);
  assert.ok(entities.every(({ id }) => listed.has(id)));
  assert.equal(wire.statuses('GET', '/v1/entities').length, Math.ceil(listed.size / 10));
});

test('a list is read no further than it is needed', async () => {
  const wire = watched();
  const api = await loggedIn('editor', retrying(wire.send));
  for await (const { id } of api.list('/v1/entities', 'entities', { pageSize: 1 })) {
    assert.ok(id);
    break;
  }
  assert.equal(wire.statuses('GET', '/v1/entities').length, 1);
});

test('an operation that fails is a problem', async () => {
  const details = [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'SOLD_OUT', domain: 'shop.v1' }];
  const states = [{ done: false }, { done: true, error: { code: 9, message: 'None left.', details } }];
  const api = new Client(server, async () => Response.json(states.shift()));
  const accepted = { status: 202, headers: new Headers({ Location: '/v1/operations/1' }), body: { done: false } };
  await assert.rejects(api.follow(accepted), { name: 'Problem', message: 'None left.', reason: 'SOLD_OUT', domain: 'shop.v1', status: undefined });
  assert.equal(states.length, 0);
  const never = new Client(server, async () => Response.json({ done: false }));
  await assert.rejects(never.follow(accepted, AbortSignal.timeout(300)), { name: 'TimeoutError' });
});

test('an error is a problem', async () => {
  const api = new Client(server);
  await assert.rejects(api.login('editor', 'wrong'), (problem) => {
    assert.ok(problem instanceof Problem);
    assert.equal(problem.type, '/statuses/401');
    assert.deepEqual([problem.status, problem.title, problem.members.code], [401, 'Unauthorized', 'UNAUTHENTICATED']);
    return true;
  });
  await assert.rejects((await loggedIn('viewer')).create('/v1/entities', { displayName: 'A cup' }), { status: 403 });
});

test('the token goes to one server', async () => {
  const api = await loggedIn('editor');
  await assert.rejects(api.send('GET', 'http://127.0.0.1:1/v1/entities'), { name: 'TypeError', message: /is not of/ });
  await assert.rejects(api.send('GET', '//example.com/v1/entities'), TypeError);
});
