// The generated client against a running demo, and the compiler against what is not in it.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { caching, retrying } from '../fetch.js';
import { fresh, server, watched } from './wire.js';

const here = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));

let errors; // Of what tsc compiles, and of refused.ts.
let entities;
let Problem;

before(async () => {
  const host = { ...ts.sys, onUnRecoverableConfigFileDiagnostic: ({ messageText }) => assert.fail(messageText) };
  const { fileNames, options } = ts.getParsedCommandLineOfConfigFile(here('tsconfig.json'), {}, host);
  const program = ts.createProgram([...fileNames, here('refused.ts')], options);
  program.emit();
  errors = ts.getPreEmitDiagnostics(program).map(({ file, start, code, messageText }) => ({
    place: file ? `${basename(file.fileName)}:${file.getLineAndCharacterOfPosition(start).line + 1}: TS${code}` : `TS${code}`,
    text: ts.flattenDiagnosticMessageText(messageText, '\n'),
  }));
  entities = await import('../dist/entities.js');
  ({ Problem } = await import('../dist/problem.js')); // Another module than ../problem.js.
});

test('what the document has compiles, and nothing else', () => {
  const lines = readFileSync(here('refused.ts'), 'utf8').split('\n');
  const wanted = lines.map((line, i) => `refused.ts:${i + 1}: ${/\/\/ (TS\d+): /.exec(line)?.[1]}`).filter((place) => !place.endsWith('undefined'));
  assert.ok(wanted.length >= 7);
  assert.deepEqual(errors.map(({ place }) => place), wanted, errors.map(({ place, text }) => `${place}: ${text}`).join('\n'));
});

test('an entity is created, read, changed and deleted', async () => {
  const wire = watched(retrying());
  const api = await entities.connect(server, 'editor', 'demo', caching(wire.send));
  const { entityService } = api;
  const path = { id: fresh('bowl') };

  const created = await entityService.createEntity({ body: { ...path, displayName: 'A bowl' } });
  const where = created.response.headers.get('Location');
  assert.equal(created.response.status, 201);
  assert.equal(where, `/v1/entities/${path.id}`);
  assert.equal(created.data.displayName, 'A bowl');

  assert.deepEqual((await entityService.getEntity({ path })).data, created.data);
  assert.deepEqual((await entityService.getEntity({ path })).data, created.data);
  assert.deepEqual(wire.statuses('GET', where), [200, 304]);

  assert.equal((await entities.rename(api, path.id, ({ displayName }) => `${displayName} of soup`)).displayName, 'A bowl of soup');
  assert.equal((await entityService.getEntity({ path })).data.displayName, 'A bowl of soup');

  const gone = await entityService.deleteEntity({ path });
  assert.equal(gone.response.status, 204);
  await assert.rejects(entityService.getEntity({ path }), { name: 'Problem', status: 404, reason: 'ENTITY_NOT_FOUND' });
});

test('what somebody else has changed is not changed', async () => {
  const api = await entities.connect(server, 'editor', 'demo');
  const path = { id: fresh('bowl') };
  await api.entityService.createEntity({ body: { ...path, displayName: 'A bowl' } });
  const late = entities.rename(api, path.id, async () => {
    await api.entityService.updateEntity({ path, body: { displayName: 'Theirs' } });
    return 'Ours';
  });
  await assert.rejects(late, { status: 412, reason: 'PRECONDITION_FAILED', domain: 'statusway.v1' });
  assert.equal((await api.entityService.getEntity({ path })).data.displayName, 'Theirs');
});

test('many entities are imported, and listed page by page', async () => {
  const api = await entities.connect(server, 'editor', 'demo');
  const some = Array.from({ length: 7 }, () => ({ id: fresh('jar'), displayName: 'A jar' }));
  const operation = await entities.importAll(api, some);
  assert.equal(operation.done, true);
  assert.equal(operation.response.created, some.length);

  const listed = new Map();
  for await (const entity of entities.everything(api, 3)) listed.set(entity.id, entity.displayName);
  for (const { id, displayName } of some) assert.equal(listed.get(id), displayName);

  const { data } = await api.entityService.exportEntities({ headers: { Accept: 'application/json' } });
  const exported = data.map(({ result }) => result.id);
  assert.ok(some.every(({ id }) => exported.includes(id)));
});

test('an error is a problem', async () => {
  const api = await entities.connect(server, 'editor', 'demo');
  await assert.rejects(api.entityService.createEntity({ body: { displayName: '' } }), (problem) => {
    assert.ok(problem instanceof Problem);
    assert.equal(problem.type, '/statuses/400');
    assert.deepEqual([problem.status, problem.title, problem.reason, problem.domain], [400, 'Bad Request', 'ENTITY_INVALID', 'entity.v1']);
    assert.deepEqual(problem.errors.map(({ pointer, reason }) => [pointer, reason]), [['/displayName', 'REQUIRED']]);
    assert.match(problem.requestId, /^\w+$/);
    return true;
  });
  await assert.rejects(entities.connect(server, 'editor', 'wrong'), { status: 401 });
  await assert.rejects(entities.connect('http://127.0.0.1:1', 'editor', 'demo', fetch), TypeError);
});
