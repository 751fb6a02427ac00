// fetch.js by itself, with answers of all kinds.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { caching, pause, retryAfter, retrying } from '../fetch.js';

/** A fetch that gives one answer after another, the last one again and again, and keeps the requests. */
function server(...answers) {
  const requests = [];
  const send = async (request) => {
    requests.push(request);
    const answer = answers[Math.min(requests.length, answers.length) - 1];
    if (answer instanceof Error) throw answer;
    const [status, headers = {}, body = null] = answer;
    return new Response(body, { status, headers });
  };
  return { send, requests };
}

const url = 'https://api.example.com/v1/cups/1';
const asked = (requests) => requests.map(({ headers }) => headers.get('If-None-Match'));

test('what has not changed is remembered', async () => {
  const { send, requests } = server(
    [200, { ETag: '"a"', 'Content-Type': 'application/json', 'X-Request-Id': '1' }, '{"a":1}'],
    [304, { ETag: '"a"', 'Content-Type': 'text/plain', 'X-Request-Id': '2' }],
    [503],
    [304, { 'X-Request-Id': '4' }],
    [200, { ETag: 'W/"b"' }, 'b'],
    [304],
  );
  const get = caching(send);
  const answers = [];
  for (let i = 0; i < 6; i++) {
    const response = await get(url);
    answers.push([response.status, await response.text(), response.headers.get('Content-Type'), response.headers.get('X-Request-Id')]);
  }
  assert.deepEqual(answers, [
    [200, '{"a":1}', 'application/json', '1'],
    [200, '{"a":1}', 'application/json', '2'],
    [503, '', null, null],
    [200, '{"a":1}', 'application/json', '4'],
    [200, 'b', 'text/plain;charset=UTF-8', null],
    [200, 'b', 'text/plain;charset=UTF-8', null],
  ]);
  assert.deepEqual(asked(requests), [null, '"a"', '"a"', '"a"', '"a"', 'W/"b"']);
});

test('it is asked for what may be remembered, and for nothing else', async () => {
  for (const [what, remembers, init, headers, status = 200] of [
    ['an ETag', true, {}, {}],
    ['no-cache', true, {}, { 'Cache-Control': 'private, no-cache' }],
    ['a word that is longer', true, {}, { 'Cache-Control': 'x-no-stores' }],
    ['no-store', false, {}, { 'Cache-Control': 'private,No-Store' }],
    ['Vary', true, {}, { Vary: 'Accept, Prefer' }],
    ['Vary: *', false, {}, { Vary: 'Accept, *' }],
    ['no ETag', false, {}, { ETag: '' }],
    ['an error', false, {}, {}, 404],
    ['a part', false, {}, {}, 206],
    ['a request that is not to be stored', false, { headers: { 'Cache-Control': 'no-store' } }, {}],
    ['the same by the mode of fetch', false, { cache: 'no-store' }, {}],
    ['a request for a part', false, { headers: { Range: 'bytes=0-9' } }, {}],
    ['a condition of its own', false, { headers: { 'If-Match': '"a"' } }, {}],
    ['a write', false, { method: 'POST' }, {}],
  ]) {
    const { send, requests } = server([status, { ETag: '"a"', ...headers }, 'a']);
    const get = caching(send);
    for (let i = 0; i < 2; i++) await get(url, init);
    assert.deepEqual(asked(requests), [null, remembers ? '"a"' : null], what);
  }
});

test('a 304 to a question of the caller is the answer', async () => {
  const { send, requests } = server([200, { ETag: '"a"' }, 'a'], [304]);
  const get = caching(send);
  await get(url);
  assert.equal((await get(url, { headers: { 'If-None-Match': '"mine"' } })).status, 304);
  assert.deepEqual(asked(requests), [null, '"mine"']);
});

test('an answer is of one URL, one user and what it varies by', async () => {
  const one = { Authorization: 'Bearer 1', Accept: 'application/json', 'Accept-Language': 'de' };
  for (const [what, remembers, other, at = url] of [
    ['the same', true, {}],
    ['another URL', false, {}, `${url}0`],
    ['another query', false, {}, `${url}?page=2`],
    ['another user', false, { Authorization: 'Bearer 2' }],
    ['another media type', false, { Accept: 'text/html' }],
    ['another language', false, { 'Accept-Language': 'fr' }],
    ['a field that makes no difference', true, { 'X-Request-Id': '7' }],
  ]) {
    const { send, requests } = server([200, { ETag: '"a"', Vary: 'accept-language' }, 'a']);
    const get = caching(send);
    await get(url, { headers: one });
    await get(at, { headers: { ...one, ...other } });
    assert.deepEqual(asked(requests), [null, remembers ? '"a"' : null], what);
  }
});

test('what is longest unused is forgotten', async () => {
  const { send, requests } = server([200, { ETag: '"a"' }, 'a']);
  const get = caching(send, 2);
  for (const cup of [1, 2, 1, 3, 1, 2]) await get(`https://api.example.com/v1/cups/${cup}`);
  assert.deepEqual(asked(requests), [null, null, '"a"', null, '"a"', null]);
});

test('a request is sent again where that is safe, and when it is asked to', async ({ mock }) => {
  mock.method(Math, 'random', () => 0.5);
  mock.timers.enable({ apis: ['Date'], now: Date.UTC(1994, 10, 6, 8, 49, 27) });
  const key = { 'Idempotency-Key': '"1"' };
  const lost = new TypeError('fetch failed');
  for (const [what, init, answers, status, waits] of [
    ['nothing of it', {}, [[200]], 200, []],
    ['503', {}, [[503, { 'Retry-After': '7' }], [200]], 200, [7]],
    ['429', {}, [[429, { 'Retry-After': '0' }], [200]], 200, [0]],
    ['a date', {}, [[503, { 'Retry-After': 'Sun, 06 Nov 1994 08:49:37 GMT' }], [200]], 200, [10]],
    ['a date that is past', {}, [[503, { 'Retry-After': 'Sun, 06 Nov 1994 08:49:07 GMT' }], [200]], 200, [0]],
    ['nothing said, twice as long each time', {}, [[503], [503], [503], [200]], 200, [0.5, 1, 2]],
    ['nothing that means anything', {}, [[503, { 'Retry-After': '-5' }], [429, { 'Retry-After': 'soon' }], [200]], 200, [0.5, 1]],
    ['as long as there is patience for', {}, [[503, { 'Retry-After': '60' }], [200]], 200, [60]],
    ['longer', {}, [[503, { 'Retry-After': '61' }], [200]], 503, []],
    ['never better', {}, [[503, { 'Retry-After': '1' }]], 503, [1, 1, 1]],
    ['another failure', {}, [[500, { 'Retry-After': '1' }]], 500, []],
    ['an answer that is lost', {}, [lost, [200]], 200, [0.5]],
    ['PUT', { method: 'PUT', body: 'cup' }, [lost, [503, { 'Retry-After': '1' }], [201]], 201, [0.5, 1]],
    ['DELETE', { method: 'DELETE' }, [lost, [204]], 204, [0.5]],
    ['POST', { method: 'POST', body: 'cup' }, [[503, { 'Retry-After': '1' }]], 503, []],
    ['PATCH', { method: 'PATCH', body: 'cup' }, [[429, { 'Retry-After': '1' }]], 429, []],
    ['POST with a key', { method: 'POST', body: 'cup', headers: key }, [[503, { 'Retry-After': '1' }], lost, [201]], 201, [1, 1]],
    ['a key that is in use', { method: 'POST', body: 'cup', headers: key }, [[409, { 'Retry-After': '1' }], [201]], 201, [1]],
    ['a conflict', { method: 'POST', body: 'cup', headers: key }, [[409]], 409, []],
    ['a conflict without a key', { method: 'PUT', body: 'cup' }, [[409, { 'Retry-After': '1' }]], 409, []],
  ]) {
    const { send, requests } = server(...answers);
    const waited = [];
    const response = await retrying(send, { wait: async (seconds) => void waited.push(seconds) })(url, init);
    assert.equal(response.status, status, what);
    assert.deepEqual(waited, waits, what);
    for (const request of requests) assert.equal(await request.text(), init.body ?? '', what);
  }
});

test('who cannot be reached is not tried forever', async () => {
  for (const [method, tries] of [['GET', 4], ['POST', 1]]) {
    const { send, requests } = server(new TypeError('fetch failed'));
    await assert.rejects(retrying(send, { wait: async () => {} })(url, { method }), TypeError);
    assert.equal(requests.length, tries);
  }
});

test('whoever stops does not wait', async () => {
  const { send, requests } = server([503, { 'Retry-After': '30' }]);
  const stop = new AbortController();
  const response = retrying(send)(url, { signal: stop.signal });
  setTimeout(() => stop.abort(), 10);
  await assert.rejects(response, { name: 'AbortError' });
  assert.equal(requests.length, 1);
  await assert.rejects(pause(30, AbortSignal.abort()), { name: 'AbortError' });
});

test('Retry-After is a number or a date', () => {
  for (const [text, seconds] of [['0', 0], ['120', 120], ['1.5'], ['-1'], ['1 '], ['tomorrow'], [''], ['2026-01-01']]) {
    const response = new Response(null, { headers: { 'Retry-After': text } });
    assert.equal(retryAfter(response), text === '1 ' ? 1 : seconds, text); // Fetch trims.
  }
});
