// What a backend says to the gateway, and what it reads of it: all of it is gRPC
// metadata and google.rpc.Status (../../README.md), so that a backend never sees HTTP.
//
// This file and descriptors.js are what a backend of yours copies.

import { once } from 'node:events';
import grpc from '@grpc/grpc-js';
import { encode } from './descriptors.js';

/** Says which of the statuses of success that its method declares an answer has. */
export const chooseStatus = (status) => ({ 'statusway-status': String(status) });

/** Says how many requests a caller has, how many are left, and in how many seconds all are again. */
export const allowance = (limit, remaining, reset) => ({
  'x-rate-limit-limit': String(limit),
  'x-rate-limit-remaining': String(remaining),
  'x-rate-limit-reset': String(reset),
});

/** An error as grpc-js sends it: a number, a message for the client, and trailing metadata. */
export class Failure extends Error {
  constructor(code, message, metadata = {}) {
    super(message);
    this.code = code;
    this.metadata = metadata;
  }
}

/**
 * An error with rich details. Each detail is the name of its type and the message,
 * such as ['google.rpc.RetryInfo', { retryDelay: { seconds: 30n } }].
 */
export function fail({ code, message, reason, domain, metadata = {}, details = [] }) {
  const all = [['google.rpc.ErrorInfo', { reason, domain, metadata }], ...details];
  return failWith({ code, message, details: all.map(([type, value]) => pack(type, value)) });
}

/** A message in a google.protobuf.Any. */
export const pack = (type, value) => ({ typeUrl: `type.googleapis.com/${type}`, value: encode(type, value) });

/** An error that is a whole google.rpc.Status, whose details are packed already. */
export function failWith(status) {
  // The number in it has to be that of grpc-status: a client takes two that differ for
  // a broken answer.
  return new Failure(status.code, status.message, { 'grpc-status-details-bin': encode('google.rpc.Status', status) });
}

/** The same error without google.rpc.Status: the gateway makes the details of it. */
export function plainFail({ code, message, reason, domain, retryAfter }) {
  const metadata = { 'statusway-reason': reason, 'statusway-domain': domain };
  if (retryAfter !== undefined) metadata['statusway-retry-after'] = String(Math.ceil(retryAfter));
  return new Failure(code, message, metadata);
}

/** How many seconds the client will wait for the end of what it starts; undefined if it did not say. */
export function preferWait(metadata) {
  const [seconds] = metadata.get('prefer-wait');
  return /^\d+$/.test(seconds ?? '') ? Number(seconds) : undefined;
}

/** The conditions of a request under which its write may be done (RFC 9110 §13.1). */
export function preconditions(metadata) {
  // The gateway sends one value; several would be one list (§5.3).
  const line = (key) => (metadata.get(key).length > 0 ? metadata.get(key).join(', ') : undefined);
  return {
    /**
     * Throws if a condition does not hold for what is stored: its version, and the Date
     * of its last change; both undefined if there is nothing. Nothing else may happen
     * between this and the write, or two clients could both win: here nothing does,
     * because neither awaits anything. With a database it is one transaction, or the
     * WHERE of the statement that writes.
     */
    check(etag, modified) {
      const match = entityTags(line('if-match'));
      const noneMatch = entityTags(line('if-none-match'));
      const since = httpDate(line('if-unmodified-since'));
      // A weak tag is of something that is not the same octet by octet, so If-Match
      // never takes one (§8.8.3.2).
      const matches = ({ any, tags }, weak) =>
        etag !== undefined && (any || tags.some((tag) => tag.opaque === etag && (weak || !tag.weak)));
      if (match ? !matches(match, false) : since !== undefined && modified && seconds(modified) > seconds(since)) {
        throw conditionFailed();
      }
      if (noneMatch && matches(noneMatch, true)) throw conditionFailed();
    },
  };
}

const seconds = (date) => Math.floor(date.getTime() / 1000); // An HTTP-date has no fraction.

const conditionFailed = () =>
  fail({
    code: grpc.status.ABORTED,
    message: 'A condition of the request does not hold.',
    reason: 'PRECONDITION_FAILED',
    domain: 'statusway.v1',
  });

/** Reads `*` or a list of entity-tags; undefined if there is none. */
function entityTags(line) {
  if (line === undefined) return undefined;
  if (line.trim() === '*') return { any: true, tags: [] };
  const tags = [];
  // A comma may stand in a tag, so the list is not split at commas.
  const member = /[\t ]*(?:(W\/)?"([!\x23-\x7e]*)")?[\t ]*(?:,|$)/y;
  while (member.lastIndex < line.length) {
    const found = member.exec(line);
    if (!found) throw conditionFailed(); // The gateway lets none of these through.
    if (found[2] !== undefined) tags.push({ weak: found[1] !== undefined, opaque: found[2] });
  }
  return { any: false, tags };
}

/** Reads an HTTP-date in the form in which the gateway sends it (§5.6.7); undefined if there is none. */
function httpDate(text) {
  const date = new Date(text);
  return date.toUTCString() === text ? date : undefined;
}

/** What a handler knows of its call beside the request. */
class Context {
  #call;
  trailer = {};

  constructor(call, signal) {
    this.#call = call;
    this.metadata = call.metadata;
    /** Aborted when nobody waits for the answer any more. */
    this.signal = signal;
  }

  /**
   * Adds response metadata, which is sent at the end, with a success as with an error.
   * What a stream has said before its first message is sent before that too, because
   * the gateway cannot wait for the end of a stream.
   */
  say(...all) {
    Object.assign(this.trailer, ...all);
  }

  /** Sends initial metadata now, which nothing needs but a test of where metadata may stand. */
  sayFirst(...all) {
    this.#call.sendMetadata(toMetadata(Object.assign({}, ...all)));
  }
}

function toMetadata(values) {
  const metadata = new grpc.Metadata();
  for (const [key, value] of Object.entries(values)) metadata.set(key, value);
  return metadata;
}

/**
 * Makes handlers for grpc.Server.addService from async functions by method name. A
 * function takes (request, context) and returns the response; if its method streams
 * responses it takes (request, context, send). If the client streams, the request is
 * an async iterable of messages. What a function throws is the error.
 */
export function handlersOf(service, functions) {
  const methods = Object.entries(service).filter(([name]) => functions[name]); // Others are UNIMPLEMENTED.
  return Object.fromEntries(
    methods.map(([name, method]) => [name, method.responseStream ? streaming(functions[name]) : unary(functions[name])]),
  );
}

/** The request of a unary client, or the messages of a client stream. */
function requestOf(call) {
  if (call.request !== undefined) return call.request;
  // A loop over the call itself would destroy it when it is left early, and with it the responses.
  return call.iterator({ destroyOnReturn: false });
}

function unary(run) {
  return (call, callback) => {
    const context = contextOf(call);
    run(requestOf(call), context).then(
      (response) => callback(null, response, toMetadata(context.trailer)),
      (error) => callback(errorOf(error, context)),
    );
  };
}

function streaming(run) {
  return (call) => {
    const context = contextOf(call);
    const send = async (message) => {
      context.sayFirst(context.trailer); // grpc-js sends it once.
      if (!call.write(message)) await once(call, 'drain', { signal: context.signal });
    };
    run(requestOf(call), context, send).then(
      () => call.end(toMetadata(context.trailer)),
      (error) => call.emit('error', errorOf(error, context)),
    );
  };
}

function contextOf(call) {
  const controller = new AbortController();
  call.on('cancelled', () => controller.abort());
  return new Context(call, controller.signal);
}

function errorOf(error, context) {
  if (error instanceof Failure) {
    return { code: error.code, details: error.message, metadata: toMetadata({ ...context.trailer, ...error.metadata }) };
  }
  // What went wrong inside is nothing for a client.
  if (!context.signal.aborted) console.error(error);
  return { code: grpc.status.INTERNAL, details: 'internal error', metadata: toMetadata(context.trailer) };
}
