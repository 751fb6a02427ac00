// What of a request decides on the form of an answer: Accept and Accept-Language. The
// gateway has refused an Accept that cannot be read.

/** Splits a list at the commas outside of quotes. */
const list = (lines) => (lines ?? []).flatMap((line) => line.match(/(?:[^,"]|"(?:[^"\\]|\\.)*")+/g) ?? []).map((member) => member.trim());

/**
 * The offer that the ranges of Accept prefer (RFC 9110 §12.5.1); undefined if they name
 * none of them: a wildcard is no wish for one shape of error.
 */
export function negotiate(accept, offers) {
  const ranges = list(accept).filter(Boolean).map(parseRange).filter(({ type }) => !type.includes('*'));
  const weighted = offers.map((offer) => ({ offer, weight: weightOf(offer, ranges) }));
  const best = weighted.reduce((a, b) => (b.weight > a.weight ? b : a), { weight: 0 });
  return best.offer;
}

function parseRange(member) {
  const [type, ...params] = member.split(';').map((part) => part.trim().toLowerCase());
  const q = params.find((param) => param.startsWith('q='));
  return { type, params: params.filter((param) => param && param !== q), weight: q ? Number(q.slice(2)) : 1 };
}

/** The most exact range decides, of two equal ones the greater weight. */
function weightOf(offer, ranges) {
  const matching = ranges.filter(({ type, params }) => type === offer && params.every((param) => param.replaceAll('"', '') === 'charset=utf-8'));
  matching.sort((a, b) => b.params.length - a.params.length || b.weight - a.weight);
  return matching[0]?.weight ?? 0;
}

/** The tag of offers to answer in, by the lookup of RFC 4647 §3.4; undefined if the request asks for none of them. */
export function negotiateLanguage(lines, offers) {
  const ranges = list(lines).map(parseLanguage).filter(Boolean);
  const open = offers.filter((offer) => !refused(offer, ranges));
  for (const { name } of ranges.filter(({ weight }) => weight > 0).sort((a, b) => b.weight - a.weight)) {
    for (let wanted = name; wanted !== ''; wanted = shorten(wanted)) {
      const found = open.find((offer) => offer.toLowerCase() === wanted);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function parseLanguage(member) {
  const found = /^([a-z]{1,8}(?:-[a-z0-9]{1,8})*)[\t ]*(?:;[\t ]*q=(0?\.\d{1,3}|0\.?|1\.?0{0,3}))?$/i.exec(member);
  return found && { name: found[1].toLowerCase(), weight: found[2] === undefined ? 1 : Number(found[2]) };
}

/** The longest range that covers a tag may have refused it. */
function refused(tag, ranges) {
  for (let prefix = tag.toLowerCase(); prefix !== ''; prefix = prefix.slice(0, Math.max(0, prefix.lastIndexOf('-')))) {
    const weights = ranges.filter(({ name }) => name === prefix).map(({ weight }) => weight);
    if (weights.length > 0) return Math.max(...weights) === 0;
  }
  return false;
}

/** Without its last subtag, nor a single letter before it, which only introduced that. */
const shorten = (name) => (name.includes('-') ? name.replace(/(-[a-z0-9])?-[^-]*$/, '') : '');
