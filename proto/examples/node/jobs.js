// The jobs of ConformanceService, and its Sleep: what takes a while.

import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import grpc from '@grpc/grpc-js';
import { domain } from './items.js';
import { chooseStatus, plainFail, preferWait } from './statusway.js';

const most = 1024;
const longest = 10_000;

export function jobMethods() {
  const jobs = new Map(); // By name. A job is done when its time has come; nothing runs until then.

  const at = ({ name, ends, error }, now) => (now < ends ? { name } : { name, done: true, error });

  return {
    async StartJob({ milliseconds, error }, context) {
      const lasts = milliseconds > 0 ? Math.min(milliseconds, longest) : 0;
      const job = { name: `jobs/${randomUUID()}`, ends: Date.now() + lasts, error };
      jobs.set(job.name, job);
      if (jobs.size > most) jobs.delete(jobs.keys().next().value);
      const wait = 1000 * (preferWait(context.metadata) ?? -1);
      await pause(Math.max(0, Math.min(wait, lasts)), undefined, { signal: context.signal });
      if (wait < lasts) return at(job, Date.now()); // 202, as the method declares: look at Location later.
      context.say(chooseStatus(200));
      return at(job, job.ends);
    },

    async GetJob({ name }) {
      const job = jobs.get(name);
      if (!job) {
        // A reason needs no details: two keys of metadata say it as well.
        throw plainFail({ code: grpc.status.NOT_FOUND, reason: 'JOB_NOT_FOUND', domain, message: `There is no job "${name}".` });
      }
      return at(job, Date.now());
    },

    async Sleep({ milliseconds }, { signal }) {
      await pause(Math.min(milliseconds, longest), undefined, { signal });
      return {};
    },
  };
}
