// The messages and services of a FileDescriptorSet, without generated code.
//
// The set is the one that `statusway proxy --descriptors` reads, so the two ends of
// the connection cannot disagree on what a field or a method is.
//
// @grpc/proto-loader reads such sets too, but makes a list of entries of every map:
// ErrorInfo.metadata is one.

import { readFileSync } from 'node:fs';
import { create, createFileRegistry, fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

const file = new URL('../conformance.binpb', import.meta.url);

/** All types by their full names. */
export const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(file)));

/** A message's wire form; what `fields` leaves out has its default. */
export const encode = (typeName, fields) => encodeAs(registry.getMessage(typeName), fields);

/** The numbers of an enum by name, for comparing. */
export const enumOf = (typeName) =>
  Object.fromEntries(registry.getEnum(typeName).values.map(({ name, number }) => [name, number]));

/** The definition of a service, for grpc.Server.addService. */
export function serviceOf(typeName) {
  const methods = registry.getService(typeName).methods.map((method) => [
    method.name,
    {
      path: `/${typeName}/${method.name}`,
      requestStream: method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming',
      responseStream: method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming',
      requestSerialize: (fields) => encodeAs(method.input, fields),
      requestDeserialize: (bytes) => fromBinary(method.input, bytes),
      responseSerialize: (fields) => encodeAs(method.output, fields),
      responseDeserialize: (bytes) => fromBinary(method.output, bytes),
    },
  ]);
  return Object.fromEntries(methods);
}

const encodeAs = (type, fields) => Buffer.from(toBinary(type, create(type, fields)));
