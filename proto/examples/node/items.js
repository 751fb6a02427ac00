// The items of ConformanceService, in memory.

import { randomUUID } from 'node:crypto';
import { timestampDate, timestampNow } from '@bufbuild/protobuf/wkt';
import grpc from '@grpc/grpc-js';
import { chooseStatus, fail, preconditions } from './statusway.js';

export const domain = 'statusway.conformance.v1';

const most = 4096; // The newest stay, so that it never fills up.
const longestId = 128;

/** The methods of items. None awaits anything between reading and writing, so no other call comes between. */
export function itemMethods() {
  const items = new Map(); // By id, the oldest first.
  const run = randomUUID().slice(0, 8); // Tells the versions of this run from those of another.
  let versions = 0;

  const touched = (item) => ({ ...item, etag: `${run}-${++versions}`, updateTime: timestampNow() });

  function find(id) {
    const item = items.get(id);
    if (!item) throw failure(grpc.status.NOT_FOUND, 'ITEM_NOT_FOUND', `There is no item "${id}".`);
    return item;
  }

  function create(id, { displayName, labels }) {
    const item = touched({ id, displayName, labels });
    item.createTime = item.updateTime;
    items.set(id, item);
    if (items.size > most) items.delete(items.keys().next().value);
    return item;
  }

  function replace(item, changes) {
    const next = touched({ ...item, ...changes });
    items.set(item.id, next);
    return next;
  }

  /** Throws unless the item may be written: by the request's metadata, and by the etag in its message. */
  function mayWrite(context, item, etag = '') {
    preconditions(context.metadata).check(item?.etag, item && timestampDate(item.updateTime));
    if (etag !== '' && etag !== item?.etag) {
      throw failure(grpc.status.ABORTED, 'STALE_ETAG', 'The etag is not that of the current version.');
    }
  }

  const get = async ({ id }) => find(id);

  return {
    async ListItems({ pageSize, pageToken, prefix }) {
      const after = fromToken(pageToken);
      const size = pageSize > 0 ? Math.min(pageSize, 1000) : 50;
      const ids = [...items.keys()]
        .filter((id) => id.startsWith(prefix))
        .map((id) => Buffer.from(id)) // By octets: JavaScript would compare halves of UTF-16.
        .filter((id) => Buffer.compare(id, after) > 0)
        .sort(Buffer.compare);
      const page = ids.slice(0, size);
      return {
        items: page.map((id) => items.get(id.toString())),
        nextPageToken: ids.length > size ? page.at(-1).toString('base64url') : '',
      };
    },

    GetItem: get,
    GetOldItem: get, // That it is deprecated is nothing to the backend.

    async CreateItem({ item }) {
      const id = item?.id || randomUUID();
      validate(id, item);
      if (items.has(id)) throw failure(grpc.status.ALREADY_EXISTS, 'ITEM_EXISTS', `There is an item "${id}" already.`);
      return create(id, item); // The method declares 201, and Location by a template.
    },

    async PutItem({ id, item }, context) {
      validate(id, item);
      const current = items.get(id);
      mayWrite(context, current, item.etag);
      if (current) return replace(current, { displayName: item.displayName, labels: item.labels });
      context.say(chooseStatus(201)); // The default of the two declared is 200.
      return create(id, item);
    },

    async UpdateItem({ item, updateMask }, context) {
      const current = find(item?.id ?? '');
      mayWrite(context, current, item.etag);
      const changes = {};
      if (updateMask?.paths.includes('display_name')) {
        validate(current.id, item);
        changes.displayName = item.displayName;
      }
      if (updateMask?.paths.includes('labels')) changes.labels = item.labels;
      return Object.keys(changes).length > 0 ? replace(current, changes) : current;
    },

    async DeleteItem({ id }, context) {
      mayWrite(context, find(id));
      items.delete(id);
      return {};
    },
  };
}

/** An error of the service's own. */
const failure = (code, reason, message) => fail({ code, message, reason, domain });

function validate(id, item) {
  if (!item?.displayName || [...id].length > longestId) {
    const message = `An item needs a display name, and an id of at most ${longestId} characters.`;
    throw failure(grpc.status.INVALID_ARGUMENT, 'ITEM_INVALID', message);
  }
}

/** The octets of the id after which a page begins. */
function fromToken(token) {
  const id = Buffer.from(token, 'base64url');
  if (id.toString('base64url') !== token) { // Buffer.from takes anything.
    throw failure(grpc.status.INVALID_ARGUMENT, 'PAGE_TOKEN_INVALID', 'The page token is none of this list.');
  }
  return id;
}
