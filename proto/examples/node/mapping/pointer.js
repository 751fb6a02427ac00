// Where a violation is in the body, and links: both made of text that is a backend's.

/** Turns entity.display_name or emails[2].type into a JSON pointer (RFC 6901) into the body, in JSON names. */
export function pointer(path, bodyField = '') {
  // One that is a pointer already stays one: "~" stands only before 0 or 1.
  if (path.startsWith('/')) return path.replace(/~(?![01])/g, '~0');
  const segments = split(path);
  if (bodyField !== '' && bodyField !== '*' && segments[0] === jsonName(bodyField)) segments.shift();
  return segments.map((segment) => `/${segment.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** Splits a.b_c[2]["k.l"].d into a, bC, 2, k.l, d. */
function split(path) {
  const segments = [];
  while (path !== '') {
    const [whole, quoted, index, name] = /^(?:\.|\["(.*?)"\]|\[([^\]]*)\]?|([^.[]+))/s.exec(path);
    if (quoted !== undefined || index !== undefined) segments.push(quoted ?? index);
    else if (name !== undefined) segments.push(jsonName(name));
    path = path.slice(whole.length);
  }
  return segments;
}

/** The lowerCamelCase of a field's name, as protoc makes it. */
const jsonName = (name) => name.replace(/_+([^_]?)/g, (_, next) => (/[a-z]/.test(next) ? next.toUpperCase() : next));

/** The Link of a google.rpc.Help (RFC 8288 §3); undefined if none of its links can stand in one. */
export function helpLink(links) {
  const targets = links.map(({ url }) => target(url)).filter(Boolean);
  return targets.length > 0 ? targets.map((url) => `<${url}>; rel="help"`).join(', ') : undefined;
}

/** An http or https URL as a field can hold it; undefined if it is none. */
function target(url) {
  const found = /^(https?):(.*)$/is.exec(url);
  if (!found || /[\0-\x1f\x7f]|%(?![0-9a-f]{2})/i.test(url)) return undefined;
  const encode = (text) => Array.from(Buffer.from(text), (octet) => `%${octet.toString(16).toUpperCase().padStart(2, '0')}`).join('');
  return `${found[1].toLowerCase()}:${found[2].replace(/[^\w.~!$&'()*+,;=:@/?#%[\]-]+/g, encode)}`;
}
