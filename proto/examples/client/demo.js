// A walk through the reference API: node demo.js, with `make run` going in another terminal.

import { Client } from './client.js';
import { Problem } from './problem.js';

const api = new Client(process.env.STATUSWAY_URL ?? 'http://127.0.0.1:8080');
await api.login('editor', 'demo');

const { headers } = await api.create('/v1/entities', { displayName: 'A kettle', attributes: { boiled: 0 } });
const kettle = headers.get('Location');
console.log(`created ${kettle}`);

await Promise.all(
  [1, 2, 3].map(() => api.update(kettle, ({ attributes }) => ({ attributes: { boiled: attributes.boiled + 1 } }))),
);
const { body } = await api.send('GET', kettle);
console.log(`boiled ${body.attributes.boiled} times`);

const accepted = await api.create('/v1/entities:import', { entities: [{ displayName: 'A jug' }, { displayName: 'A jar' }] });
const { response } = await api.follow(accepted);
console.log(`imported ${response.created}`);

const names = new Set();
for await (const { displayName } of api.list('/v1/entities', 'entities', { pageSize: 2 })) names.add(displayName);
console.log(`listed ${[...names].sort().join(', ')}`);

try {
  await api.create('/v1/entities', { displayName: '' });
} catch (error) {
  if (!(error instanceof Problem)) throw error;
  const [{ pointer, detail }] = error.errors;
  console.log(`refused ${error.status} ${error.reason} at ${pointer}: ${detail}`);
}

await api.send('DELETE', kettle);
