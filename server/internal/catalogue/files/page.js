"use strict";

// A trial sends the requests that the page shows beside it, in the same order. What a
// request keeps of its answer stands as {name} in those after it, as in package tour.

const REFUSED = 400; // the first status that is an error

// ROOT is the path of the API: "/", or longer where a proxy serves it below a path of its own.
const ROOT = new URL("..", document.currentScript.src).pathname;

// onServer returns the path of an API path on the server. A Location has it already.
function onServer(path) {
  return path.startsWith(ROOT) ? path : ROOT + path.slice(1);
}

// newValues are what is known before the first request.
function newValues() {
  const random = crypto.getRandomValues(new Uint8Array(8));
  return new Map([
    ["run", Array.from(random, (byte) => (byte % 36).toString(36)).join("")],
    ["long", "x".repeat(Number(document.body.dataset.long))],
  ]);
}

function fill(text, values) {
  return text.replace(/\{([a-z]+)\}/g, (name, key) => values.get(key) ?? name);
}

// send sends one request, and adds to values what is kept of its answer.
async function send(request, values, keepalive = false) {
  // Where a browser may not send one of the fields, it asks another path without them.
  const fields = request.instead ? [] : (request.fields ?? []).map((field) => [field.name, fill(field.value, values)]);
  const path = request.instead ?? fill(request.path, values);
  const body = request.body === undefined ? undefined : fill(request.body, values);
  const response = await fetch(onServer(path), {
    method: request.method,
    headers: fields,
    body,
    cache: "no-store",
    credentials: "omit",
    redirect: "manual",
    keepalive,
  });
  const answer = { method: request.method, path, fields, body, status: response.status, reason: response.statusText, headers: response.headers, text: await response.text() };
  for (const [name, of] of Object.entries(request.keep ?? {})) {
    const value = valueOf(answer, of);
    if (value) {
      values.set(name, value);
    }
  }
  return answer;
}

function valueOf(answer, of) {
  if (of.startsWith("header:")) {
    return answer.headers.get(of.slice("header:".length));
  }
  return parsed(answer.text)?.[of.slice(1)];
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

// burst sends a request until it is refused, six at a time as browsers do anyway.
async function burst(request, values, report) {
  const together = 6;
  let answer = await send(request, values);
  let sent = 1;
  const limit = Number(answer.headers.get("x-rate-limit-limit"));
  if (answer.status < REFUSED && !(limit > 0 && limit <= request.burst)) {
    throw new Error(limit > 0 ? `the limit of ${limit} requests is too high to be used up from a page` : "this server has no limit that could be used up");
  }
  while (answer.status < REFUSED && sent < request.burst) {
    const answers = await Promise.all(Array.from({ length: together }, () => send(request, values)));
    sent += together;
    answer = answers.find((one) => one.status >= REFUSED) ?? answers[0];
    report(`X-Rate-Limit-Remaining: ${answer.headers.get("x-rate-limit-remaining")}`);
  }
  answer.sent = sent;
  return answer;
}

// walk does a step, and puts back what it has changed whatever happens.
async function walk(step, report) {
  const values = newValues();
  const around = [];
  try {
    for (const request of step.before ?? []) {
      const answer = await send(request, values);
      around.push(answer);
      if (answer.status >= REFUSED) {
        throw new Error(`${answer.method} ${answer.path} before it is answered ${answer.status}`);
      }
    }
    const answer = step.request.burst ? await burst(step.request, values, report) : await send(step.request, values);
    return { around, answer: step.mapped ? toldOf(answer) : answer };
  } finally {
    for (const request of step.after ?? []) {
      if (!fill(request.path, values).startsWith("{")) {
        around.push(await send(request, values, true));
      }
    }
  }
}

// toldOf is the answer that an answer of statuses:map tells of.
function toldOf(answer) {
  const told = parsed(answer.text);
  if (answer.status >= REFUSED || !told) {
    return answer;
  }
  return { ...answer, status: told.httpStatus, reason: "", headers: Object.entries(told.headers), text: JSON.stringify(told.body), rule: told.rule };
}

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

// spell writes the name of a header field as its RFC does; browsers have it in lower case.
function spell(name) {
  const special = { etag: "ETag", "www-authenticate": "WWW-Authenticate", ratelimit: "RateLimit", "ratelimit-policy": "RateLimit-Policy" };
  return special[name.toLowerCase()] ?? name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());
}

function shorten(text) {
  return text.replace(/x{200,}/g, (run) => `xxxx… (${run.length} times x)`);
}

// indented is a body for people.
function indented(text) {
  const value = parsed(text);
  return value === undefined ? text : JSON.stringify(value, null, 2);
}

function sentText(answer) {
  const lines = [`${answer.method} ${answer.path}`, ...answer.fields.map(([name, value]) => `${name}: ${value}`)];
  if (answer.body !== undefined) {
    lines.push("", answer.body);
  }
  return shorten(lines.join("\n"));
}

function answerText(answer) {
  const head = `${answer.status} ${answer.reason}`.trim();
  const lines = [...answer.headers].map(([name, value]) => `${spell(name)}: ${value}`).sort();
  return [head, ...lines].join("\n") + (answer.text ? `\n\n${indented(answer.text)}` : "");
}

// show puts what was sent and answered in the place of the example.
function show(article, step, { around, answer }) {
  put(article.querySelector(".sent"), "Request, as it was sent", sentText(answer));
  const answered = article.querySelector(".answered");
  put(answered, step.mapped ? "What a request would be answered, by the server" : "Answer, just now", answerText(answer));
  answered.querySelector("pre").className = `of-${Math.floor(answer.status / 100)}`;
  article.classList.add("tried");
  const rest = article.querySelector(".rest");
  rest.replaceChildren();
  const wait = answer.status === 429 ? Number(answer.headers.get("retry-after")) : 0;
  if (wait > 0) {
    countDown(rest, wait);
  }
  if (around.length > 0) {
    const texts = around.map((one) => `${sentText(one)}\n\n${answerText(one)}`);
    rest.append(element("details", {}, element("summary", {}, "What went before and after"), ...texts.map((text) => element("pre", {}, element("code", {}, text)))));
  }
  article.dataset.status = answer.status;
}

function put(figure, caption, text) {
  figure.querySelector("figcaption").textContent = caption;
  figure.querySelector("code").textContent = text;
}

// countDown shows for how long a user is refused.
function countDown(rest, seconds) {
  const left = element("b", {}, String(seconds));
  const line = element("p", {}, "The user is refused for another ", left, " s.");
  rest.append(line);
  const end = Date.now() + seconds * 1000;
  const timer = setInterval(() => {
    const remaining = Math.ceil((end - Date.now()) / 1000);
    left.textContent = String(Math.max(0, remaining));
    if (remaining <= 0 || !line.isConnected) {
      clearInterval(timer);
      line.textContent = "The user is served again.";
    }
  }, 1000);
}

async function tryStep(button) {
  if (button.getAttribute("aria-busy") === "true") {
    return;
  }
  const step = JSON.parse(button.dataset.step);
  const article = button.closest("article");
  const state = article.querySelector(".state");
  const rest = article.querySelector(".rest");
  button.setAttribute("aria-busy", "true");
  state.textContent = "Asking the server…";
  delete article.dataset.status;
  try {
    const visit = await walk(step, (text) => rest.replaceChildren(element("p", {}, text)));
    show(article, step, visit);
    state.textContent = outcome(step, visit.answer);
  } catch (error) {
    rest.replaceChildren();
    state.textContent = `There is no response: ${error.message}.`;
  } finally {
    button.removeAttribute("aria-busy");
  }
}

function outcome(step, answer) {
  if (answer.rule) {
    return `The server would respond with ${answer.status}, because of the rule ${answer.rule}.`;
  }
  const answered = `${answer.status} ${answer.reason}`.trim();
  const times = answer.sent > 1 ? ` after ${answer.sent} requests` : "";
  const other = answer.status === step.row ? "" : ` That is not ${step.row}: something on the server has changed.`;
  return `The response is ${answered}${times}.${other}`;
}

for (const trial of document.querySelectorAll(".trial")) {
  const button = trial.querySelector("button");
  button.addEventListener("click", () => tryStep(button));
  trial.hidden = false;
}
