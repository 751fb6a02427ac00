// What a backend copies, by itself: what it sends is seen by whoever runs the cases.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import grpc from '@grpc/grpc-js';
import { fromBinary } from '@bufbuild/protobuf';
import { registry } from '../descriptors.js';
import { allowance, chooseStatus, fail, plainFail, preconditions, preferWait } from '../statusway.js';

function metadata(values) {
  const made = new grpc.Metadata();
  for (const [key, value] of Object.entries(values)) made.add(key, value);
  return made;
}

const reasonOf = (error) => {
  const status = fromBinary(registry.getMessage('google.rpc.Status'), error.metadata['grpc-status-details-bin']);
  assert.equal(status.code, error.code);
  return fromBinary(registry.getMessage('google.rpc.ErrorInfo'), status.details[0].value).reason;
};

test('a condition holds or not', () => {
  const saved = new Date('1994-11-06T08:49:37.999Z');
  const holds = (key, value, etag, modified) => {
    try {
      preconditions(metadata({ [key]: value })).check(etag, modified);
      return true;
    } catch (error) {
      assert.equal(reasonOf(error), 'PRECONDITION_FAILED');
      return false;
    }
  };
  for (const [key, value, stored, missing] of [
    ['x', 'y', true, true],
    ['if-match', '"a"', true, false],
    ['if-match', '"x", "a"', true, false],
    ['if-match', '"x",, "a",', true, false],
    ['if-match', '"x,a"', false, false],
    ['if-match', '"x\\", "a"', true, false],
    ['if-match', 'W/"a"', false, false],
    ['if-match', '*', true, false],
    ['if-match', '"*"', false, false],
    ['if-match', '"A"', false, false],
    ['if-match', 'a', false, false],
    ['if-match', '"a" "b"', false, false],
    ['if-none-match', '"a"', false, true],
    ['if-none-match', 'W/"a"', false, true],
    ['if-none-match', '"x"', true, true],
    ['if-none-match', '*', false, true],
    ['if-unmodified-since', 'Sun, 06 Nov 1994 08:49:37 GMT', true, true],
    ['if-unmodified-since', 'Sun, 06 Nov 1994 08:49:36 GMT', false, true],
    ['if-unmodified-since', 'yesterday', true, true],
  ]) {
    assert.equal(holds(key, value, 'a', saved), stored, `${key}: ${value}`);
    assert.equal(holds(key, value), missing, `${key}: ${value}, of nothing`);
  }
});

test('If-Match puts the date aside', () => {
  const both = metadata({ 'if-match': '"a"', 'if-unmodified-since': 'Sun, 06 Nov 1994 08:49:36 GMT' });
  preconditions(both).check('a', new Date());
});

test('an error says its reason in either way', () => {
  const said = { code: grpc.status.NOT_FOUND, message: 'No.', reason: 'NO_CUP', domain: 'shop.v1' };
  assert.equal(reasonOf(fail({ ...said, metadata: { id: '7' }, details: [['google.rpc.ResourceInfo', { resourceName: 'cup' }]] })), 'NO_CUP');
  assert.deepEqual(plainFail(said).metadata, { 'statusway-reason': 'NO_CUP', 'statusway-domain': 'shop.v1' });
  assert.equal(plainFail({ ...said, retryAfter: 1.2 }).metadata['statusway-retry-after'], '2');
});

test('the rest is a line each', () => {
  assert.deepEqual(chooseStatus(201), { 'statusway-status': '201' });
  assert.deepEqual(allowance(10, 9, 60), { 'x-rate-limit-limit': '10', 'x-rate-limit-remaining': '9', 'x-rate-limit-reset': '60' });
  assert.equal(preferWait(metadata({ 'prefer-wait': '7' })), 7);
  assert.equal(preferWait(metadata({ 'prefer-wait': 'x' })), undefined);
  assert.equal(preferWait(metadata({})), undefined);
});
