// The generated client is that of a running server: it knows the routes of that one.
const server = process.env.STATUSWAY_URL ?? 'http://127.0.0.1:8080';

export default {
  input: `${server}/openapi.json`,
  output: { path: 'generated', importFileExtension: '.js' },
  plugins: [
    '@hey-api/typescript',
    { name: '@hey-api/client-fetch', throwOnError: true },
    // A method is called by its full name, as over gRPC: api.entity.v1.entityService.getEntity.
    { name: '@hey-api/sdk', operations: { strategy: 'single', nesting: 'operationId', containerName: 'Api' } },
  ],
};
