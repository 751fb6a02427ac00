// How much each caller may ask for: so many requests in each period.

import grpc from '@grpc/grpc-js';
import { allowance, fail } from './statusway.js';

/** Counts the calls of all these functions, and has each answer tell what is left. */
export function counted(functions, limit, period) {
  let ends = 0;
  let used = new Map(); // By caller, of this period alone.
  const take = (context) => {
    const now = Date.now();
    if (now >= ends) {
      ends = now + period * 1000;
      used = new Map();
    }
    // The gateway's own: no client can choose it. Whoever calls without a gateway is one caller.
    const caller = context.metadata.get('x-forwarded-for')[0] ?? '';
    const count = (used.get(caller) ?? 0) + 1;
    used.set(caller, count);
    const reset = Math.ceil((ends - now) / 1000);
    context.say(allowance(limit, Math.max(0, limit - count), reset));
    if (count > limit) throw spent(reset);
  };
  return Object.fromEntries(
    Object.entries(functions).map(([name, run]) => [
      name,
      async (request, context, send) => {
        take(context);
        return run(request, context, send);
      },
    ]),
  );
}

const spent = (seconds) =>
  fail({
    code: grpc.status.RESOURCE_EXHAUSTED,
    message: 'All requests of this period are used up.',
    reason: 'RATE_LIMITED',
    domain: 'statusway.v1',
    details: [['google.rpc.RetryInfo', { retryDelay: { seconds: BigInt(seconds) } }]],
  });
