// The JSON of an error's detail: by its type where that is known and JSON can say all of
// it, else its bytes. Nothing is lost, and nothing fails.
//
// It goes from the wire form to text in one step. Objects between would lose the order
// of maps with keys such as "10", and what of a Struct has no JSON form.

import { isUtf8 } from 'node:buffer';
import { createRegistry, fromBinary, ScalarType, toJson } from '@bufbuild/protobuf';
import * as wkt from '@bufbuild/protobuf/wkt';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { registry as own } from '../descriptors.js';

const registry = createRegistry(own, wkt.file_google_protobuf_wrappers);

/** The type that a type URL names, whatever stands before its last slash; undefined if it is not known. */
export const typeOf = (url) => registry.getMessage(nameOf(url));

/** The full name in a type URL; empty if it names none. */
export function nameOf(url) {
  const name = url.slice(url.lastIndexOf('/') + 1);
  return /^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$/.test(name) ? name : '';
}

/** A google.protobuf.Any as JSON text. */
export function anyText({ typeUrl, value }) {
  const type = typeOf(typeUrl);
  try {
    if (type) return knownText(typeUrl, type, value);
  } catch {
    // Its bytes say what JSON cannot: a field that nobody knows, a broken message, a
    // time beyond the calendar.
  }
  return `{"@type":${JSON.stringify(typeUrl)},"value":"${base64(value)}"}`;
}

function knownText(typeUrl, type, value) {
  const head = `{"@type":${JSON.stringify(typeUrl)}`;
  if (type.typeName in special || type.typeName === 'google.protobuf.Empty') return `${head},"value":${messageText(type, value)}}`;
  return `{${[head.slice(1), ...members(type, value)].join()}}`;
}

const base64 = (bytes) => Buffer.from(bytes).toString('base64');

/** The types that are no object of their fields, each with its text. */
const special = {
  'google.protobuf.Any': (type, bytes) => {
    const { typeUrl, value } = fromBinary(type, bytes);
    if (typeUrl === '') return '{}';
    if (!/^[\w.~:/?#[\]@!$&'()*+,;=%-]*\/[\w.]+$/.test(typeUrl) || nameOf(typeUrl) === '') throw new Error('no type URL');
    const inner = typeOf(typeUrl);
    return inner ? knownText(typeUrl, inner, value) : anyText({ typeUrl, value });
  },
  'google.protobuf.Struct': (type, bytes) => {
    const [fields] = read(type, bytes).values();
    return fields ? mapText(type.fields[0], fields) : '{}';
  },
  'google.protobuf.ListValue': (type, bytes) => {
    const [values = []] = read(type, bytes).values();
    return `[${values.map((value) => valueText(type.fields[0], value)).join()}]`;
  },
  'google.protobuf.Value': (type, bytes) => {
    const [[field, value] = []] = read(type, bytes);
    if (!field || (field.scalar === ScalarType.DOUBLE && !Number.isFinite(value))) throw new Error('no JSON value');
    return valueText(field, value);
  },
};
for (const name of ['Timestamp', 'Duration', 'FieldMask']) {
  special[`google.protobuf.${name}`] = (type, bytes) => JSON.stringify(toJson(type, fromBinary(type, bytes)));
}
for (const name of ['Bool', 'String', 'Bytes', 'Int32', 'Int64', 'UInt32', 'UInt64', 'Float', 'Double']) {
  special[`google.protobuf.${name}Value`] = (type, bytes) => {
    const [field] = type.fields;
    return valueText(field, read(type, bytes).get(field) ?? zero(field));
  };
}

/** The members of a Struct that is a field of a message: [name, text], without those that have no JSON form. */
export function structMembers(typeName, bytes, fieldName) {
  const type = registry.getMessage(typeName);
  const field = type.fields.find(({ name }) => name === fieldName);
  const struct = read(type, bytes, { lossy: true }).get(field) ?? Buffer.alloc(0);
  const [fields] = field.message.fields;
  return sortedEntries(fields, read(field.message, struct).get(fields) ?? []).flatMap(([name, value]) => {
    try {
      return [[name, valueText(fields, value)]];
    } catch {
      return [];
    }
  });
}

function messageText(type, bytes) {
  const text = special[type.typeName];
  if (!text) return `{${members(type, bytes).join()}}`;
  read(type, bytes); // For what it refuses.
  return text(type, bytes);
}

/** The members of an object. What has no presence is there even if it is empty. */
function members(type, bytes) {
  const values = read(type, bytes);
  return type.fields.flatMap((field) => {
    const value = values.get(field) ?? (hasPresence(field) ? undefined : zero(field));
    if (value === undefined) return [];
    return [`${JSON.stringify(field.jsonName)}:${fieldText(field, value)}`];
  });
}

const implicit = 2; // google.protobuf.FeatureSet.FieldPresence.IMPLICIT

const hasPresence = (field) => field.fieldKind === 'message' || (!isMany(field) && (field.oneof !== undefined || field.presence !== implicit));

const isMany = (field) => field.fieldKind === 'list' || field.fieldKind === 'map';

function zero(field) {
  if (isMany(field)) return [];
  switch (field.scalar) {
    case ScalarType.STRING:
      return '';
    case ScalarType.BYTES:
      return new Uint8Array();
    case ScalarType.BOOL:
      return false;
    default:
      return 0;
  }
}

function fieldText(field, value) {
  if (field.fieldKind === 'map') return mapText(field, value);
  if (field.fieldKind === 'list') return `[${value.map((one) => valueText(field, one)).join()}]`;
  return valueText(field, value);
}

function mapText(field, entries) {
  return `{${sortedEntries(field, entries).map(([key, value]) => `${JSON.stringify(key)}:${valueText(field, value)}`).join()}}`;
}

/** The entries of a map by the octets of their keys; the last of a key counts. */
function sortedEntries(field, entries) {
  const values = new Map(entries.map((entry) => readEntry(field, entry)));
  return [...values].map(([key, value]) => [String(key), value]).sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

function valueText(field, value) {
  if (field.message) return messageText(field.message, value);
  if (field.enum?.typeName === 'google.protobuf.NullValue') return 'null';
  if (field.enum) return field.enum.value[value] ? JSON.stringify(field.enum.value[value].name) : String(value);
  switch (field.scalar) {
    case ScalarType.STRING:
      return JSON.stringify(value);
    case ScalarType.BYTES:
      return `"${base64(value)}"`;
    case ScalarType.BOOL:
      return String(value);
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return numberText(field.scalar === ScalarType.FLOAT ? shortestFloat(value) : value);
    case ScalarType.INT64:
    case ScalarType.UINT64:
    case ScalarType.SINT64:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return `"${value}"`; // JavaScript is not alone in knowing no integers beyond 2^53.
    default:
      return String(value);
  }
}

function numberText(value) {
  if (!Number.isFinite(value)) return JSON.stringify(String(value));
  return Object.is(value, -0) ? '-0' : String(value);
}

function shortestFloat(value) {
  const digits = [1, 2, 3, 4, 5, 6, 7, 8].find((n) => Math.fround(Number(value.toPrecision(n))) === value);
  return digits ? Number(value.toPrecision(digits)) : value;
}

/**
 * The values of a message by field: of a list or a map all of them, of a message the
 * bytes, because two of one field are merged by putting one behind the other. It throws
 * where the bytes are no such message, or hold what is no field of it.
 */
function read(type, bytes, { lossy = false } = {}) {
  const values = new Map();
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    const field = type.fields.find((one) => one.number === number);
    if (!field && !lossy) throw new Error('a field that nobody knows');
    if (!field) {
      reader.skip(wireType, number);
      continue;
    }
    if (field.oneof) field.oneof.fields.filter((one) => one !== field).forEach((one) => values.delete(one));
    const found = readField(field, reader, wireType);
    if (isMany(field)) values.set(field, [...(values.get(field) ?? []), ...found]);
    else if (field.message) values.set(field, Buffer.concat([values.get(field) ?? Buffer.alloc(0), found]));
    else values.set(field, found);
  }
  if (reader.pos !== reader.len) throw new Error('cut short');
  return values;
}

function readField(field, reader, wireType) {
  if (field.fieldKind === 'map') return [octets(reader, wireType)];
  if (field.fieldKind !== 'list') return readValue(field, reader, wireType);
  if (wireType !== WireType.LengthDelimited || field.message || wireTypeOf(field) === wireType) return [readValue(field, reader, wireType)];
  const packed = new BinaryReader(octets(reader, wireType));
  const values = [];
  while (packed.pos < packed.len) values.push(readValue(field, packed, wireTypeOf(field)));
  return values;
}

function readEntry(field, bytes) {
  const reader = new BinaryReader(bytes);
  const keyField = { scalar: field.mapKey };
  let key = zero(keyField);
  let value = field.message ? Buffer.alloc(0) : zero(field);
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    if (number === 1) key = readValue(keyField, reader, wireType);
    else if (number === 2) value = readValue(field, reader, wireType);
    else throw new Error('a field that nobody knows');
  }
  return [key, value];
}

function octets(reader, wireType) {
  if (wireType !== WireType.LengthDelimited) throw new Error('another wire type');
  return reader.bytes();
}

/** The reader's method for each kind, and the wire type on which it works. */
const kinds = {
  [ScalarType.STRING]: ['bytes', WireType.LengthDelimited],
  [ScalarType.BYTES]: ['bytes', WireType.LengthDelimited],
  [ScalarType.BOOL]: ['bool', WireType.Varint],
  [ScalarType.INT32]: ['int32', WireType.Varint],
  [ScalarType.INT64]: ['int64', WireType.Varint],
  [ScalarType.UINT32]: ['uint32', WireType.Varint],
  [ScalarType.UINT64]: ['uint64', WireType.Varint],
  [ScalarType.SINT32]: ['sint32', WireType.Varint],
  [ScalarType.SINT64]: ['sint64', WireType.Varint],
  [ScalarType.FIXED32]: ['fixed32', WireType.Bit32],
  [ScalarType.SFIXED32]: ['sfixed32', WireType.Bit32],
  [ScalarType.FLOAT]: ['float', WireType.Bit32],
  [ScalarType.FIXED64]: ['fixed64', WireType.Bit64],
  [ScalarType.SFIXED64]: ['sfixed64', WireType.Bit64],
  [ScalarType.DOUBLE]: ['double', WireType.Bit64],
};

const kindOf = (field) => (field.message ? kinds[ScalarType.BYTES] : kinds[field.scalar ?? ScalarType.INT32]);

const wireTypeOf = (field) => kindOf(field)[1];

function readValue(field, reader, wireType) {
  const [method, expected] = kindOf(field);
  if (wireType !== expected) throw new Error('another wire type');
  const value = reader[method]();
  if (field.scalar !== ScalarType.STRING) return value;
  if (!isUtf8(value)) throw new Error('no UTF-8');
  return Buffer.from(value).toString();
}
