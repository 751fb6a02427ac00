// What the document does not have does not compile: behind each line is the error that it is,
// and test/generated.test.js holds the compiler to it.

import type { V1 } from './entities.js';

export async function refused({ entityService }: V1) {
  const { data } = await entityService.getEntity({ path: { id: 'cup' } });
  data.displayName;
  data.colour; // TS2339: no such member
  entityService.createEntity({ body: { displayname: 'A cup' } }); // TS2561: no such member; displayName is near
  entityService.createEntity({ body: { attributes: 'hot' } }); // TS2322: an object, not a text
  entityService.listEntities({ query: { pageSize: 'ten' } }); // TS2322: a number, not a text
  entityService.listEntities({ query: { page: 1 } }); // TS2353: no such parameter
  entityService.getEntity({}); // TS2345: the id is missing
  entityService.renameEntity({ path: { id: 'cup' } }); // TS2551: no such method; createEntity is near
}
