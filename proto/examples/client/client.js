// The API as a program calls it. What is true of any API over HTTP is in fetch.js.

import { caching, pause, retrying } from './fetch.js';
import { Problem } from './problem.js';

/** @typedef {{ status: number, headers: Headers, body: any }} Answer */

export class Client {
  #url;
  #fetch;
  #token = '';

  /** @param {string} url the API's origin @param {typeof fetch} send */
  constructor(url, send = caching(retrying())) {
    this.#url = new URL(url);
    this.#fetch = send;
  }

  /** @param {string} username @param {string} password */
  async login(username, password) {
    const { body } = await this.send('POST', '/v1/sessions', { body: { username, password } });
    this.#token = body.accessToken;
  }

  /**
   * Sends a request, and throws a Problem if the response is one.
   *
   * @param {string} method
   * @param {string} path
   * @param {{ body?: any, headers?: Record<string, string>, query?: Record<string, any>, signal?: AbortSignal }} [options]
   * @returns {Promise<Answer>}
   */
  async send(method, path, { body, headers = {}, query = {}, signal } = {}) {
    const url = new URL(path, this.#url);
    // The token is for this server, wherever a Location leads.
    if (url.origin !== this.#url.origin) throw new TypeError(`${url} is not of ${this.#url.origin}`);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const fields = new Headers(headers);
    if (this.#token) fields.set('Authorization', `Bearer ${this.#token}`);
    if (body !== undefined) fields.set('Content-Type', method === 'PATCH' ? 'application/merge-patch+json' : 'application/json');

    const fetch = this.#fetch; // A browser's own is no method of anything else.
    const response = await fetch(url, { method, headers: fields, body: JSON.stringify(body), signal });
    if (response.status >= 400) throw await Problem.of(response);
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
  }

  /**
   * Creates, or starts, something once, even if the request has to be sent again.
   *
   * @param {string} path @param {any} body
   */
  create(path, body) {
    return this.send('POST', path, { body, headers: { 'Idempotency-Key': `"${crypto.randomUUID()}"` } });
  }

  /**
   * Changes the resource at a path, also if other clients change it at the same time: it
   * writes only if the resource has not changed since the read (If-Match), or else reads
   * it again.
   *
   * @param {string} path
   * @param {(current: any) => any} change returns the members that become different, or a promise of them
   * @param {number} tries
   */
  async update(path, change, tries = 5) {
    for (let tried = 1; ; tried++) {
      const { body, headers } = await this.send('GET', path);
      const etag = headers.get('ETag');
      if (!etag) throw new TypeError(`${path} has no ETag to tell its versions by`);
      try {
        return await this.send('PATCH', path, { body: await change(body), headers: { 'If-Match': etag } });
      } catch (error) {
        if (!(error instanceof Problem) || error.status !== 412 || tried >= tries) throw error;
      }
    }
  }

  /**
   * Waits until the operation of a 202 has ended, and returns it.
   *
   * @param {Answer} accepted
   * @param {AbortSignal} signal ends the waiting, and not the operation
   */
  async follow(accepted, signal = AbortSignal.timeout(60_000)) {
    let operation = accepted.body;
    const where = accepted.headers.get('Location') ?? '';
    for (let seconds = 0.1; !operation.done; seconds = Math.min(2 * seconds, 5)) {
      await pause(seconds, signal);
      operation = (await this.send('GET', where, { signal })).body;
    }
    if (!operation.error) return operation;
    const { message, details = [] } = operation.error; // A google.rpc.Status.
    const info = details.find((/** @type {any} */ detail) => detail['@type'].endsWith('/google.rpc.ErrorInfo'));
    throw new Problem({ title: 'The operation has failed', detail: message, reason: info?.reason, domain: info?.domain, details });
  }

  /**
   * Everything in a list; the next page is read when it is needed.
   *
   * @param {string} path
   * @param {string} member where a page has its part of the list
   * @param {Record<string, any>} [query]
   */
  async *list(path, member, query) {
    let pageToken = '';
    do {
      const { body } = await this.send('GET', path, { query: { ...query, pageToken } });
      yield* body[member];
      pageToken = body.nextPageToken;
    } while (pageToken);
  }
}
