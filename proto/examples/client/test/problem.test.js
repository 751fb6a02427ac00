// problem.js by itself: whatever a server answers is a problem.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Problem } from '../problem.js';

const answer = (status, type, body, headers = {}) =>
  new Response(body, { status, statusText: 'As it is', headers: { 'Content-Type': type, 'X-Request-Id': 'header', ...headers } });

test('a problem is read whole', async () => {
  const members = {
    type: 'https://api.example.com/statuses/429', title: 'Too Many Requests', status: 200, detail: 'Wait a little.', code: 'RESOURCE_EXHAUSTED',
    reason: 'RATE_LIMITED', domain: 'shop.v1', errors: [{ pointer: '/size' }], retryAfter: 7, requestId: 'body', left: 0,
  };
  const problem = await Problem.of(answer(429, 'Application/Problem+JSON; charset=utf-8', JSON.stringify(members)));
  const { type, title, detail, reason, domain, errors, retryAfter, requestId } = members;
  assert.deepEqual({ ...problem }, {
    name: 'Problem', type, title, status: 429, detail, reason, domain, errors, retryAfter, requestId, members: { ...members, status: 429 },
  });
  assert.ok(problem instanceof Error);
  assert.equal(`${problem}`, 'Problem: Wait a little.');
});

test('what is none is one by its status', async () => {
  for (const [what, response] of [
    ['a page', answer(502, 'text/html', '<html>')],
    ['another JSON', answer(502, 'application/json', '{"detail":"mine","reason":"MINE"}')],
    ['a type that is longer', answer(502, 'application/problem+json-seq', '{"reason":"MINE"}')],
    ['a problem that breaks off', answer(502, 'application/problem+json', '{"reason":"MI')],
    ['a problem that is no object', answer(502, 'application/problem+json', 'null')],
    ['nothing', answer(502, '', null)],
  ]) {
    const { type, title, status, reason, errors, requestId, message } = await Problem.of(response);
    assert.deepEqual([type, title, status, reason, errors, requestId, message], ['about:blank', 'As it is', 502, undefined, [], 'header', 'As it is'], what);
  }
  const { message, title, retryAfter } = await Problem.of(new Response(null, { status: 503, headers: { 'Retry-After': '9' } }));
  assert.deepEqual([message, title, retryAfter], ['HTTP status 503', undefined, 9]);
});
