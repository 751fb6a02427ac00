// The methods of StreamService whose messages are google.api.HttpBody: raw bytes with a content type.

import { createHash } from 'node:crypto';
import grpc from '@grpc/grpc-js';
import { domain } from './items.js';
import { begin, end } from './outcomes.js';
import { fail } from './statusway.js';

const mostPictures = 256;
const mostMessages = 1000;
const mostBytes = 1 << 20;
const pictureBytes = 4;

export function pictureMethods(calls) {
  const pictures = new Map(); // By id, the oldest first.

  const find = (id) => {
    const picture = pictures.get(id);
    if (picture) return picture;
    const message = `There is no picture "${id}".`;
    throw fail({ code: grpc.status.NOT_FOUND, reason: 'PICTURE_NOT_FOUND', domain, message });
  };

  return {
    async PutPicture({ id, caption, picture }) {
      const { data, contentType } = picture ?? { data: new Uint8Array(), contentType: '' };
      pictures.delete(id);
      pictures.set(id, { data, contentType });
      if (pictures.size > mostPictures) pictures.delete(pictures.keys().next().value);
      const sha256 = createHash('sha256').update(data).digest('hex');
      return { id, caption, contentType, size: BigInt(data.length), sha256 };
    },

    GetPicture: async ({ id }) => ({ id, picture: find(id) }),

    async StreamPicture({ id }, _context, send) {
      const { data, contentType } = find(id);
      for (let at = 0; at < data.length; at += pictureBytes) {
        await send({ id, picture: { data: data.subarray(at, at + pictureBytes), contentType: at === 0 ? contentType : '' } });
      }
    },

    async Upload(received, { signal }) {
      const hash = createHash('sha256');
      const types = new Set();
      let messages = 0;
      let size = 0;
      let ended;
      try {
        for await (const { data, contentType } of received) {
          ended ??= calls.begin(contentType, signal);
          if (data.length > 0) messages++;
          if (contentType) types.add(contentType);
          size += data.length;
          hash.update(data);
        }
        return { messages, size: BigInt(size), sha256: hash.digest('hex'), contentTypes: [...types] };
      } finally {
        ended?.();
      }
    },

    async Download({ count, size, contentType, outcome }, context, send) {
      begin(outcome, context);
      const length = Math.min(Math.max(0, size), mostBytes);
      for (let i = 0; i < Math.min(count, mostMessages); i++) {
        const data = Buffer.alloc(length, 'a'.charCodeAt(0) + (i % 26));
        await send({ data, contentType: i === 0 ? contentType : '' });
      }
      end(outcome, context);
    },
  };
}
