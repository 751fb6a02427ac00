// A policy as data -> which row an error becomes.

const ok = 0;

/** The names of google.rpc.Code, by number. */
export const codeNames = [
  'OK', 'CANCELLED', 'UNKNOWN', 'INVALID_ARGUMENT', 'DEADLINE_EXCEEDED', 'NOT_FOUND', 'ALREADY_EXISTS', 'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED', 'FAILED_PRECONDITION', 'ABORTED', 'OUT_OF_RANGE', 'UNIMPLEMENTED', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS',
  'UNAUTHENTICATED',
];

/** A statusway.v1.Policy in its JSON form, which whoever wrote it has checked. */
export class Policy {
  #rows;
  #rules = new Map();

  constructor(json) {
    this.json = json;
    this.#rows = new Map(json.catalogue.map((row) => [row.status, row]));
    for (const rule of json.rules) this.#rules.set(keyOf(rule.domain, rule.reason, rule.detail, rule.code, rule.conditional), rule);
  }

  /** The row and the rule of an error. Every error has them. */
  decide({ code, domain, reason, details, conditional }) {
    const rule = this.#ruleFor(codeNames[code] ?? 'OTHER', { domain, reason, details, conditional });
    return { row: this.#rows.get(rule.status), rule };
  }

  /** What a success is whose method declares nothing. */
  success() {
    return this.decide({ code: ok, details: [] });
  }

  // From the most exact key to the least: a reason is said on purpose, a detail's type on
  // the way, and a code is what every error has.
  #ruleFor(code, { domain = '', reason = '', details, conditional }) {
    const keys = reason === '' ? [] : [[domain, reason, '', '']];
    for (const name of details) keys.push(['', '', name, code], ['', '', name, '']);
    keys.push(['', '', '', code]);
    for (const key of keys) {
      const rule = (conditional && this.#rules.get(keyOf(...key, true))) || this.#rules.get(keyOf(...key, false));
      if (rule) return rule;
    }
    throw new Error(`the policy ${this.json.name} has no rule for ${code}`);
  }
}

const keyOf = (...parts) => JSON.stringify(parts);
