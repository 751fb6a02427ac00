// The API by a client that is generated from its OpenAPI document. Beneath it is fetch.js,
// and an error is a Problem, as in client.js.

import { caching, pause, retrying } from './fetch.js';
import { createClient } from './generated/client/index.js';
import { Api, type EntityV1Entity as Entity } from './generated/index.js';
import { Problem } from './problem.js';

export type V1 = Api['entity']['v1'];

/** Logs in. */
export async function connect(baseUrl: string, username: string, password: string, send = caching(retrying())): Promise<V1> {
  let token: string | undefined;
  const client = createClient({ baseUrl, fetch: send, auth: () => token, throwOnError: true });
  client.interceptors.error.use((body, response) => (response ? Problem.from(response, body) : body));
  const { v1 } = new Api({ client }).entity;
  const { data } = await v1.sessionService.createSession({ body: { username, password } });
  token = data.accessToken;
  return v1;
}

/** Changes the name of an entity, and fails by 412 if somebody changes it at the same time. */
export async function rename({ entityService }: V1, id: string, name: (current: Entity) => string | Promise<string>): Promise<Entity> {
  const { data, response } = await entityService.getEntity({ path: { id } });
  const headers = { 'If-Match': response.headers.get('ETag') ?? '""' }; // Nothing has that one.
  const renamed = await entityService.updateEntity({ path: { id }, headers, body: { displayName: await name(data) } });
  return renamed.data ?? data;
}

/** Every entity; the next page is read when it is needed. */
export async function* everything({ entityService }: V1, pageSize: number): AsyncGenerator<Entity> {
  let pageToken: string | undefined;
  do {
    const { data } = await entityService.listEntities({ query: { pageSize, pageToken } });
    yield* data.entities ?? [];
    pageToken = data.nextPageToken;
  } while (pageToken);
}

/** Stores many entities, once, and returns the operation when it has ended. */
export async function importAll({ entityService, operationService }: V1, entities: Entity[]) {
  const headers = { 'Idempotency-Key': `"${crypto.randomUUID()}"` };
  const { data, response } = await entityService.importEntities({ headers, body: { entities } });
  const operationsId = response.headers.get('Location')?.split('/').at(-1) ?? '';
  let operation = data;
  while (!operation.done) {
    await pause(0.1);
    operation = (await operationService.getOperation({ path: { operationsId } })).data;
  }
  return operation;
}
