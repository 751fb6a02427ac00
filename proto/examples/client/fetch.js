// Caching with ETags and retries with Retry-After. Each function wraps a fetch in another,
// so you can use either alone, and also under a generated client.

/**
 * Stores every response that has an ETag, and asks the server whether it is still the
 * latest version (RFC 9110 §13.1.2). On 304 it returns the stored response. It always asks
 * the server, so it never returns a stale response. A browser's fetch does this by itself.
 *
 * @param {typeof fetch} send
 * @param {number} most how many responses it stores
 * @returns {typeof fetch}
 */
export function caching(send = fetch, most = 500) {
  /** @type {Map<string, NonNullable<Awaited<ReturnType<typeof remember>>>>} */
  const memories = new Map(); // The longest unused first.
  return async (input, init) => {
    const request = new Request(input, init);
    if (!isPlainGet(request)) return send(request);

    // Two users of one program never get each other's answers, whether Vary says so or not.
    const key = request.url + valuesOf(['Accept', 'Authorization'], request);
    const kept = memories.get(key);
    const known = kept && valuesOf(kept.vary, request) === kept.varied ? kept : undefined;
    const response = await send(known ? withHeader(request, 'If-None-Match', known.etag) : request);

    const confirmed = response.status === 304 ? known : undefined;
    const memory = confirmed ?? (await remember(request, response));
    if (memory) {
      memories.delete(key);
      memories.set(key, memory);
      if (memories.size > most) memories.delete([...memories.keys()][0]);
    }
    return confirmed ? again(confirmed, response.headers) : response;
  };
}

const conditional = ['Range', 'If-None-Match', 'If-Match', 'If-Modified-Since', 'If-Unmodified-Since'];

/** Whether a request is for all of the latest version, and may be remembered. @param {Request} request */
const isPlainGet = ({ method, cache, headers }) =>
  method === 'GET' && cache !== 'no-store' && !isNotStored(headers) && !conditional.some((name) => headers.has(name));

/** @param {Headers} headers */
const isNotStored = (headers) => /(^|[\s,])no-store([\s,]|$)/i.test(headers.get('Cache-Control') ?? '');

/** @param {string[]} names @param {Request} request */
const valuesOf = (names, { headers }) => JSON.stringify(names.map((name) => headers.get(name)));

/** @param {Request} request @param {string} name @param {string} value */
function withHeader(request, name, value) {
  const headers = new Headers(request.headers);
  headers.set(name, value);
  return new Request(request, { headers });
}

/** What there is to remember; undefined if nothing. @param {Request} request @param {Response} response */
async function remember(request, response) {
  const etag = response.headers.get('ETag');
  const vary = response.headers.get('Vary')?.split(/[\s,]+/).filter(Boolean) ?? [];
  if (response.status !== 200 || !etag || isNotStored(response.headers) || vary.includes('*')) return undefined;
  return { etag, headers: response.headers, body: await response.clone().arrayBuffer(), vary, varied: valuesOf(vary, request) };
}

/** @param {{ headers: Headers, body: ArrayBuffer }} memory @param {Headers} newer those of the 304 (RFC 9111 §3.2) */
function again(memory, newer) {
  const headers = new Headers(memory.headers);
  newer.forEach((value, name) => name.startsWith('content-') || headers.set(name, value));
  return new Response(memory.body, { headers });
}

/**
 * Sends a request again after a 429 or 503, when Retry-After allows it, or after its response
 * was lost. It does so only if that is safe: the method is idempotent (RFC 9110 §9.2.2), or
 * the request has an Idempotency-Key. While the first request with a key runs, others get 409.
 *
 * @param {typeof fetch} send
 * @param {{ tries?: number, longest?: number, wait?: typeof pause }} limits it is sent so often
 *   at most, and no more once it would have to wait for longer than so many seconds
 * @returns {typeof fetch}
 */
export function retrying(send = fetch, { tries = 4, longest = 60, wait = pause } = {}) {
  return async (input, init) => {
    const request = new Request(input, init);
    const hasKey = request.headers.has('Idempotency-Key');
    const isSafe = hasKey || ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'].includes(request.method);
    for (let left = isSafe ? tries : 1, backoff = 1; ; backoff *= 2) {
      left--;
      let seconds = backoff * Math.random(); // Where nobody says how long.
      try {
        const response = await send(request.clone());
        const asked = retryAfter(response);
        const isLater = [429, 503].includes(response.status) || (response.status === 409 && hasKey && asked !== undefined);
        seconds = asked ?? seconds;
        if (!isLater || left <= 0 || seconds > longest) return response;
        await response.body?.cancel();
      } catch (error) {
        if (left <= 0) throw error;
      }
      await wait(seconds, request.signal);
    }
  };
}

/** The seconds of a response's Retry-After (RFC 9110 §10.2.3). @param {Response} response */
export function retryAfter({ headers }) {
  const text = headers.get('Retry-After') ?? '';
  if (/^\d+$/.test(text)) return Number(text);
  const date = text.endsWith(' GMT') ? Date.parse(text) : NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, (date - Date.now()) / 1000);
}

/** @param {number} seconds @param {AbortSignal} [signal] ends it by an error @returns {Promise<void>} */
export function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, seconds * 1000);
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', stop, { once: true });
  });
}
