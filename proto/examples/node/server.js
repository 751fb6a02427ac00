// Serves ConformanceService, StreamService and BindingService over gRPC.

import { parseArgs } from 'node:util';
import grpc from '@grpc/grpc-js';
import { counted } from './allowances.js';
import { bindingMethods } from './bindings.js';
import { serviceOf } from './descriptors.js';
import { itemMethods } from './items.js';
import { jobMethods } from './jobs.js';
import { outcomeMethods } from './outcomes.js';
import { handlersOf } from './statusway.js';
import { streamMethods } from './streams.js';

const { values } = parseArgs({
  options: {
    address: { type: 'string', default: '127.0.0.1:50051' },
    // Such as 100/60: each caller may send 100 requests in 60 seconds.
    allowance: { type: 'string' },
  },
});

let functions = { ...itemMethods(), ...jobMethods(), ...outcomeMethods(), ...streamMethods(), ...bindingMethods() };
if (values.allowance) {
  const [limit, period] = values.allowance.split('/').map(Number);
  functions = counted(functions, limit, period);
}

const server = new grpc.Server();
for (const name of ['ConformanceService', 'StreamService', 'BindingService']) {
  const service = serviceOf(`statusway.conformance.v1.${name}`);
  server.addService(service, handlersOf(service, functions));
}
for (const signal of ['SIGINT', 'SIGTERM']) {
  // Running calls may finish.
  process.once(signal, () => server.tryShutdown(() => process.exit()));
}

server.bindAsync(values.address, grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  console.log(`gRPC ${values.address.replace(/:\d+$/, `:${port}`)}`);
});
