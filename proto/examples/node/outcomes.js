// The methods of ConformanceService that do as they are told.

import { enumOf } from './descriptors.js';
import { Failure, failWith } from './statusway.js';

const placement = enumOf('statusway.conformance.v1.Placement');
const delivery = enumOf('statusway.conformance.v1.Delivery');

/** Sends what has to come before anything else. */
export function begin(outcome, context) {
  if (outcome?.placement === placement.PLACEMENT_HEADER) context.sayFirst(outcome.metadata);
  // Sent empty, the trailers that follow are no part of it. Otherwise grpc-js answers an
  // error by Trailers-Only.
  if (outcome?.placement === placement.PLACEMENT_TRAILER) context.sayFirst();
}

/** Ends the call. */
export function end(outcome, context) {
  if (outcome && outcome.placement !== placement.PLACEMENT_HEADER) context.say(outcome.metadata);
  const status = outcome?.status;
  if (!status?.code) return;
  if (outcome.delivery === delivery.DELIVERY_PLAIN) throw new Failure(status.code, status.message);
  throw failWith(status);
}

export const outcomeMethods = () => ({
  async Respond(outcome, context) {
    begin(outcome, context);
    end(outcome, context);
    return {};
  },

  async WatchItems({ count, outcome }, context, send) {
    begin(outcome, context);
    for (let i = 1; i <= Math.min(count, 1000); i++) {
      await send({ id: String(i), displayName: `Item ${i}` });
    }
    end(outcome, context);
  },

  async Echo(request, { metadata }) {
    const entries = Object.entries(metadata.toJSON()).filter(([key]) => !key.endsWith('-bin'));
    return { request, metadata: Object.fromEntries(entries.map(([key, values]) => [key, { values }])) };
  },
});
