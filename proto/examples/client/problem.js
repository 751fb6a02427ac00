// An error of the API, as a program catches it.

import { retryAfter } from './fetch.js';

/** A problem of RFC 9457. Branch on its reason and its domain. */
export class Problem extends Error {
  name = 'Problem';

  /** @param {Record<string, any>} members */
  constructor(members) {
    super(members.detail ?? members.title ?? `HTTP status ${members.status}`);
    /** The page of what went wrong, and its name. @type {string} */
    this.type = members.type ?? 'about:blank';
    /** @type {string | undefined} */
    this.title = members.title;
    /** The HTTP status; undefined for an operation that has failed. @type {number | undefined} */
    this.status = members.status;
    /** What went wrong this time. @type {string | undefined} */
    this.detail = members.detail;
    /** @type {string | undefined} */
    this.reason = members.reason;
    /** @type {string | undefined} */
    this.domain = members.domain;
    /** What of the request is wrong. @type {{ pointer: string, detail?: string, reason?: string }[]} */
    this.errors = members.errors ?? [];
    /** In how many seconds to come back. @type {number | undefined} */
    this.retryAfter = members.retryAfter;
    /** The exchange in the server's log. @type {string | undefined} */
    this.requestId = members.requestId;
    /** All of it, with what the API adds of its own. */
    this.members = members;
  }

  /** Reads a response with a status of 400 or more, from any server. @param {Response} response */
  static async of(response) {
    return Problem.from(response, await response.json().catch(() => undefined));
  }

  /** The same, for a response whose body has been read. @param {Response} response @param {any} body */
  static from(response, body) {
    const isProblem = /^application\/problem\+json *(;|$)/i.test(response.headers.get('Content-Type') ?? '');
    return new Problem({
      title: response.statusText || undefined,
      retryAfter: retryAfter(response),
      requestId: response.headers.get('X-Request-Id') ?? undefined,
      ...(isProblem && body),
      status: response.status, // From the status line: the member is advisory (§3.1.2).
    });
  }
}
