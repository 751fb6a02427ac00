// What the tests against a running demo have in common.

import { randomUUID } from 'node:crypto';

export const server = process.env.STATUSWAY_URL ?? 'http://127.0.0.1:8080';

/** A fetch that keeps what was asked and answered. */
export function watched(send = fetch) {
  const exchanges = [];
  return {
    exchanges,
    /** The statuses of what was asked in this way. */
    statuses: (method, path) =>
      exchanges.filter(({ request }) => request.method === method && new URL(request.url).pathname === path).map(({ status }) => status),
    send: async (input, init) => {
      const request = new Request(input, init);
      const response = await send(request);
      exchanges.push({ request, status: response.status });
      return response;
    },
  };
}

/** An id that nothing has yet. */
export const fresh = (name) => `${name}-${randomUUID()}`;
