// The port in mapping/ answers what the gateway does: every vector, byte for byte.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Responder, statusOf } from '../mapping/answer.js';
import { Policy } from '../mapping/policy.js';

const file = new URL('../../../vectors/mapping.json', import.meta.url);
const { version, publicUrl, realm, policies, vectors } = JSON.parse(readFileSync(file));

const responders = new Map(policies.map((json) => [json.name, new Responder({ policy: new Policy(json), publicUrl, realm })]));

test('the vectors are of the version that this is written for', () => {
  assert.equal(version, 1);
  assert.ok(vectors.length > 300);
});

for (const { name, policy, wire, request, answer } of vectors) {
  test(name, () => {
    const status = statusOf(Buffer.from(wire, 'base64'));
    const responder = responders.get(policy);
    const { body, ...rest } = status.code === 0 ? responder.success() : responder.answer(status, request);
    const { body: wantedBody, ...wanted } = answer;
    assert.equal(body, wantedBody);
    assert.deepEqual(rest, wanted);
  });
}
