// StreamService: streams in both directions, and calls that run until their client leaves.

import { setTimeout as pause } from 'node:timers/promises';
import { callCounts } from './calls.js';
import { begin, end } from './outcomes.js';
import { pictureMethods } from './pictures.js';

const most = 1000;
const longest = 10_000;
const untilCancelled = 2 ** 31 - 1; // The longest timeout that Node has: 24 days.

export function streamMethods() {
  const calls = callCounts();

  return {
    ...pictureMethods(calls),

    // The request of a client stream is an iterable of messages. It ends when the client has half-closed.
    async Collect(received, context) {
      const notes = [];
      let ended = () => {};
      try {
        for await (const note of received) {
          if (notes.length === 0) ended = calls.begin(note.key, context.signal);
          notes.push(note);
          if (note.outcome) {
            end(note.outcome, context);
            return { notes };
          }
        }
        return { notes, halfClosed: true };
      } finally {
        ended();
      }
    },

    async Chat(received, context, send) {
      let count = 0;
      let ended = () => {};
      context.sayFirst(); // Without it a client would see nothing until it has said something.
      try {
        for await (const note of received) {
          if (count === 0) ended = calls.begin(note.key, context.signal);
          await send({ note, count: ++count });
          if (note.outcome) return end(note.outcome, context);
        }
        await send({ count, halfClosed: true });
      } finally {
        ended();
      }
    },

    async WatchNotes({ count, outcome }, context, send) {
      begin(outcome, context);
      for (let number = 1; number <= Math.min(count, most); number++) {
        await send({ number, note: { text: `Note ${number}`, number } });
      }
      end(outcome, context);
    },

    async Hold({ key, count, milliseconds, outcome }, context, send) {
      const ended = calls.begin(key, context.signal);
      try {
        context.sayFirst();
        for (let number = 1; number <= Math.min(count, most); number++) await send({ number });
        await pauseFor(milliseconds, context.signal);
        end(outcome, context);
      } finally {
        ended();
      }
    },

    async Wait({ key, milliseconds }, { signal }) {
      const ended = calls.begin(key, signal);
      try {
        await pauseFor(milliseconds, signal);
        return {};
      } finally {
        ended();
      }
    },

    GetCalls: async ({ key }) => calls.of(key),
  };
}

/** Waits so many milliseconds; 0 means until the call is cancelled. */
const pauseFor = (milliseconds, signal) =>
  pause(milliseconds === 0 ? untilCancelled : Math.min(milliseconds, longest), undefined, { signal });
