// What a backend sends to the gateway and reads from it. It is all gRPC metadata and
// google.rpc.Status (../../README.md), so a backend never sees HTTP.
//
// Copy this file and descriptors.js to your backend.

import { once } from 'node:events';
import grpc from '@grpc/grpc-js';
import { encode } from './descriptors.js';

/** Chooses one of the success statuses that the method declares. */
export const chooseStatus = (status) => ({ 'statusway-status': String(status) });

/** Reports the caller's limit, how many requests are left, and the seconds until the reset. */
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
  // Its code must equal grpc-status: a client treats two different codes as a broken
  // response.
  return new Failure(status.code, status.message, { 'grpc-status-details-bin': encode('google.rpc.Status', status) });
}

/** The same error without google.rpc.Status: the gateway makes the details. */
export function plainFail({ code, message, reason, domain, retryAfter }) {
  const metadata = { 'statusway-reason': reason, 'statusway-domain': domain };
  if (retryAfter !== undefined) metadata['statusway-retry-after'] = String(Math.ceil(retryAfter));
  return new Failure(code, message, metadata);
}

/** How many seconds the client waits for the work to end; undefined if it did not say. */
export function preferWait(metadata) {
  const [seconds] = metadata.get('prefer-wait');
  return /^\d+$/.test(seconds ?? '') ? Number(seconds) : undefined;
}

/** The conditions of a request for its write (RFC 9110 §13.1). */
export function preconditions(metadata) {
  // The gateway sends one value; several would be one list (§5.3).
  const line = (key) => (metadata.get(key).length > 0 ? metadata.get(key).join(', ') : undefined);
  return {
    /**
     * Throws if a condition does not hold for the stored resource. The arguments are its
     * version and the Date of its last change; both undefined if the resource is missing.
     * Nothing may happen between this check and the write, or two clients could both
     * succeed. Here neither awaits anything. With a database, use one transaction, or the
     * WHERE of the statement that writes.
     */
    check(etag, modified) {
      const match = entityTags(line('if-match'));
      const noneMatch = entityTags(line('if-none-match'));
      const since = httpDate(line('if-unmodified-since'));
      // If-Match compares strongly, so a weak tag never matches (§8.8.3.2).
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
  // A tag may contain a comma, so do not split the list at commas.
  const member = /[\t ]*(?:(W\/)?"([!\x23-\x7e]*)")?[\t ]*(?:,|$)/y;
  while (member.lastIndex < line.length) {
    const found = member.exec(line);
    if (!found) throw conditionFailed(); // The gateway refuses such a list.
    if (found[2] !== undefined) tags.push({ weak: found[1] !== undefined, opaque: found[2] });
  }
  return { any: false, tags };
}

/** Reads an HTTP-date in the gateway's form (§5.6.7); undefined if there is none. */
function httpDate(text) {
  const date = new Date(text);
  return date.toUTCString() === text ? date : undefined;
}

/** What a handler knows about its call besides the request. */
class Context {
  #call;
  trailer = {};

  constructor(call, signal) {
    this.#call = call;
    this.metadata = call.metadata;
    /** Aborted when nobody waits for the response any more. */
    this.signal = signal;
  }

  /**
   * Adds response metadata, which is sent at the end, for a success and for an error.
   * A stream also sends the metadata that it has before its first message, because the
   * gateway cannot wait for the end of a stream.
   */
  say(...all) {
    Object.assign(this.trailer, ...all);
  }

  /** Sends initial metadata now. Only tests need it. */
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
 * an async iterable of messages. To fail, throw a Failure.
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
  // A loop over the call itself would destroy the call, with its responses, if it ended early.
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
  // The client must not see internals.
  if (!context.signal.aborted) console.error(error);
  return { code: grpc.status.INTERNAL, details: 'internal error', metadata: toMetadata(context.trailer) };
}
