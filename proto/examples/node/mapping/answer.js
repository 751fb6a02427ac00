// A google.rpc.Status, a request and a policy -> the HTTP answer. This is the core of the
// gateway once more: test/mapping.test.js proves the two equal by ../../vectors.

import { isUtf8 } from 'node:buffer';
import { fromBinary } from '@bufbuild/protobuf';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { registry } from '../descriptors.js';
import { negotiate, negotiateLanguage } from './negotiate.js';
import { helpLink, pointer } from './pointer.js';
import { codeNames } from './policy.js';
import { anyText, nameOf, structMembers } from './protojson.js';

const problemType = 'application/problem+json';
const statusType = 'application/vnd.google.rpc.status+json';
const errorType = 'application/vnd.google.rpc.error+json';

const unknown = 2;

/** What an answer is made with: a Policy, what problem types begin with, and the realm of a 401's challenge. */
export class Responder {
  #policy;
  #publicUrl;
  #realm;

  constructor({ policy, publicUrl, realm }) {
    this.#policy = policy;
    this.#publicUrl = publicUrl;
    this.#realm = realm;
  }

  /** The answer to a status of code OK, which is no error and has no body. */
  success() {
    const { row, rule } = this.#policy.success();
    return { status: row.status, rule: rule.name, headers: {} };
  }

  /**
   * The answer to an error: {code, message, details}, each detail a
   * google.protobuf.Any. The request is as ../../../vectors/README.md has it.
   */
  answer(error, request) {
    const decided = this.#decide(error, request);
    const { shape, contentType } = this.#format(request.accept);
    const body = { problem, status: rpcStatus, error: rpcError }[shape](decided);
    return {
      status: decided.row.status,
      rule: decided.rule.name,
      headers: { ...this.#headers(decided), 'content-type': contentType },
      body: request.method === 'HEAD' ? undefined : body,
    };
  }

  #decide({ code, message, details }, request) {
    // A failure with the code OK is a fault of whoever sent it, and no success.
    const known = { ...takeApart(details), code: code || unknown, message, request };
    const { info } = known;
    const { row, rule } = this.#policy.decide({
      code: known.code,
      domain: info?.domain,
      reason: info?.reason,
      details: details.map(({ typeUrl }) => nameOf(typeUrl)),
      conditional: request.conditional,
    });
    const decided = { ...known, row, rule, type: `${this.#publicUrl}/statuses/${row.status}`, retryAfter: retryAfter(row, rule, known.retry) };
    return localize(this.#redact(decided));
  }

  /** Replaces what a server says of its own failure, unless it raised a reason that has a rule: then it speaks to the client. */
  #redact(decided) {
    const { keepMessage, keepDetails } = this.#policy.json.redaction ?? {};
    if (decided.row.status < 500 || decided.rule.reason) return decided;
    const shown = { ...decided };
    if (!keepMessage) Object.assign(shown, { message: decided.row.description, localized: [], problem: undefined, extensions: [] });
    if (!keepDetails) Object.assign(shown, takeApart([]));
    return shown;
  }

  #format(accept) {
    const shapes = { [problemType]: 'problem', [statusType]: 'status', [errorType]: 'error' };
    const named = negotiate(accept, Object.keys(shapes));
    if (named) return { shape: shapes[named], contentType: named };
    // By default the other two are plain JSON, as the clients that expect them know it.
    switch (this.#policy.json.errorFormat) {
      case 'ERROR_FORMAT_STATUS':
        return { shape: 'status', contentType: 'application/json' };
      case 'ERROR_FORMAT_ERROR':
        return { shape: 'error', contentType: 'application/json' };
      default:
        return { shape: 'problem', contentType: problemType };
    }
  }

  #headers({ row, retryAfter, request, language, localized, help }) {
    const headers = { 'cache-control': row.cacheControl || 'no-store' };
    if (retryAfter > 0) headers['retry-after'] = String(retryAfter);
    if (row.status === 401) {
      // Configured, and never a message. Without credentials the client did nothing wrong yet (RFC 6750 §3.1).
      const realm = this.#realm.replace(/["\\]/g, '\\$&');
      headers['www-authenticate'] = `Bearer realm="${realm}"${request.credentials ? ', error="invalid_token"' : ''}`;
    }
    if (language) headers['content-language'] = language;
    if (localized.length > 0) headers.vary = 'Accept-Language';
    const link = helpLink(help?.links ?? []);
    if (link) headers.link = link;
    return headers;
  }
}

/** Reads a google.rpc.Status. Its message need not be UTF-8, because it may come from grpc-message. */
export function statusOf(wire) {
  const status = { code: 0, message: '', details: [] };
  const reader = new BinaryReader(wire);
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    if (number === 1) status.code = reader.int32();
    else if (number === 2) status.message = lenient(reader.bytes());
    else if (number === 3) status.details.push(fromBinary(registry.getMessage('google.protobuf.Any'), reader.bytes()));
    else reader.skip(wireType, number);
  }
  return status;
}

/** Text in which each octet that is no UTF-8 is U+FFFD. TextDecoder would make one of several. */
function lenient(bytes) {
  if (isUtf8(bytes)) return Buffer.from(bytes).toString();
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const size = [1, 2, 3, 4].find((n) => at + n <= bytes.length && isUtf8(bytes.subarray(at, at + n)));
    text += size ? Buffer.from(bytes.subarray(at, at + size)).toString() : '\ufffd';
    at += size ?? 1;
  }
  return text;
}

/** The details by type. Of a type that comes twice the first counts; broken bytes decide nothing and cost nothing. */
function takeApart(details) {
  const all = (name) => details.filter(({ typeUrl }) => nameOf(typeUrl) === name).flatMap((detail) => decoded(name, detail));
  const first = (name) => all(name)[0]?.message;
  return {
    shown: details.filter(({ typeUrl }) => nameOf(typeUrl) !== 'google.rpc.DebugInfo'),
    info: first('google.rpc.ErrorInfo'),
    retry: first('google.rpc.RetryInfo'),
    bad: first('google.rpc.BadRequest'),
    quota: first('google.rpc.QuotaFailure'),
    help: first('google.rpc.Help'),
    localized: all('google.rpc.LocalizedMessage').map(({ message }) => message),
    problem: first('statusway.v1.Problem'),
    // A Struct as an object has lost what of it has no JSON form.
    extensions: all('statusway.v1.Problem').slice(0, 1).flatMap(({ bytes }) => structMembers('statusway.v1.Problem', bytes, 'extensions')),
  };
}

function decoded(name, { value }) {
  try {
    return [{ message: fromBinary(registry.getMessage(name), value), bytes: value }];
  } catch {
    return [];
  }
}

/** Whole seconds, rounded up; 0 where coming back would not help. */
function retryAfter({ status }, rule, retry) {
  if (![409, 429, 503, 504].includes(status)) return 0;
  const ruled = rule.retryAfter && Number.parseFloat(rule.retryAfter);
  const delay = retry?.retryDelay;
  if (!delay) return ruled ? Math.max(1, Math.ceil(ruled)) : 0;
  const nanos = delay.seconds * 1_000_000_000n + BigInt(delay.nanos);
  const longest = 2n ** 63n - 1n; // No client waits for centuries.
  const seconds = ((nanos < longest ? nanos : longest) + 999_999_999n) / 1_000_000_000n;
  return Math.max(1, Number(seconds));
}

/** Puts the message in a language that the request asks for, if there is one. */
function localize(decided) {
  const language = negotiateLanguage(decided.request.acceptLanguage, decided.localized.map(({ locale }) => locale));
  if (language === undefined) return decided;
  return { ...decided, language, message: decided.localized.find(({ locale }) => locale === language).message };
}

const nameOfCode = (code) => codeNames[code] ?? 'UNKNOWN';

const detailsText = ({ shown }) => `[${shown.map(anyText).join()}]`;

/** An object of [name, text] pairs, without those that have none. */
const object = (pairs) => `{${pairs.filter(([, text]) => text).map(([name, text]) => `${JSON.stringify(name)}:${text}`).join()}}`;

const optional = (text) => (text ? JSON.stringify(text) : undefined);

function rpcStatus(decided) {
  return object([['code', String(decided.code)], ['message', JSON.stringify(decided.message)], ['details', detailsText(decided)]]);
}

function rpcError(decided) {
  const error = object([
    ['code', String(decided.row.status)],
    ['message', JSON.stringify(decided.message)],
    ['status', JSON.stringify(nameOfCode(decided.code))],
    ['details', decided.shown.length > 0 ? detailsText(decided) : undefined],
  ]);
  return object([['error', error]]);
}

function problem(decided) {
  const { row, code, info, bad, quota, problem: stated, request } = decided;
  const violated = (quota?.violations ?? []).map(({ quotaId }) => quotaId).filter(Boolean);
  const members = [
    ['type', JSON.stringify(stated?.type || decided.type)],
    ['title', JSON.stringify(stated?.title || row.title)],
    ['status', String(row.status)],
    // What is said in the client's language goes first: Content-Language has to be true.
    ['detail', optional((!decided.language && stated?.detail) || decided.message)],
    ['instance', optional(stated?.instance || request.path)],
    ['code', JSON.stringify(nameOfCode(code))],
    ['reason', optional(info?.reason)],
    ['domain', optional(info?.domain)],
    ['metadata', metadataText(info?.metadata ?? {})],
    ['errors', bad?.fieldViolations.length > 0 ? `[${bad.fieldViolations.map((one) => violation(one, request)).join()}]` : undefined],
    ['retryAfter', decided.retryAfter > 0 ? String(decided.retryAfter) : undefined],
    ['violated-policies', violated.length > 0 ? JSON.stringify(violated) : undefined],
    ['requestId', optional(request.requestId)],
    ['traceId', optional(request.traceId)],
    ['details', decided.shown.length > 0 ? detailsText(decided) : undefined],
  ];
  // What a member means must not depend on the backend, so it adds none of these names.
  // "omitted" is one: the gateway counts there what is beyond its bounds, which this port has not.
  const taken = new Set([...members.map(([name]) => name).filter((name) => name !== 'violated-policies'), 'omitted']);
  const added = decided.extensions.filter(([name]) => /^[A-Za-z]\w{2,}$/.test(name) && !taken.has(name));
  return object([...members, ...added]);
}

function metadataText(metadata) {
  const keys = Object.keys(metadata).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return keys.length > 0 ? object(keys.map((key) => [key, JSON.stringify(metadata[key])])) : undefined;
}

const violation = ({ field, description, reason }, { bodyField }) =>
  object([['pointer', JSON.stringify(pointer(field, bodyField))], ['detail', optional(description)], ['reason', optional(reason)]]);
