// Requests to the service: keys, waiting as long as it asks for, one shape of errors.

const KEY = "textshot-key";
const MOST_TRIES = 8;
const LONGEST_WAIT = 60;
let key = null;

/** What the page does when a request needs a key, or patience; no seconds: it went through. */
export const hooks = {
  askKey: async () => "",
  waiting: () => {},
};

/** The service said no; status 0: it was not even asked. */
export class Refused extends Error {
  constructor(message, { status = 0, code = "", requestId = "" } = {}) {
    super(message);
    Object.assign(this, { status, code, requestId });
  }
}

/** Return the answer to a request; it is asked again while the service asks for that. */
export async function call(path, options = {}) {
  for (let tries = 1; ; tries++) {
    const response = await once(path, options);
    if (response.ok) {
      if (tries > 1) hooks.waiting(null, 0);
      return response;
    }
    const refused = await refusal(response);
    if (response.status === 401) {
      keep(await hooks.askKey(refused.message));
      continue;
    }
    const seconds = options.once ? null : secondsOf(response);
    if (seconds === null || tries >= MOST_TRIES) throw refused;
    hooks.waiting(refused, seconds);
    await sleep(seconds, options.signal);
  }
}

/** Return what a request answers, as data. */
export async function ask(path, options) {
  return (await call(path, options)).json();
}

export const post = (path, json, signal) => ask(path, { method: "POST", json, signal });

/** Wait; an abort ends it. */
export function sleep(seconds, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const timer = setTimeout(resolve, 1000 * seconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

export const hasKey = () => kept() !== null;

/** Keep a key for this tab; null forgets it. */
export function keep(value) {
  key = value;
  try {
    if (value === null) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, value);
  } catch {
    // a browser that stores nothing: the key lives as long as the page
  }
}

function kept() {
  try {
    return sessionStorage.getItem(KEY) ?? key;
  } catch {
    return key;
  }
}

async function once(path, { method = "GET", json, body, headers = {}, signal }) {
  const sent = { ...headers };
  if (hasKey()) sent.Authorization = `Bearer ${kept()}`;
  if (json !== undefined) sent["Content-Type"] = "application/json";
  const content = json === undefined ? body : JSON.stringify(json);
  try {
    return await fetch(path, { method, headers: sent, body: content, signal, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused("the service does not answer. Is it running?", { code: "unreachable" });
  }
}

/** Return how long to wait before it is asked again; null: that is of no use. */
function secondsOf(response) {
  const seconds = Number(response.headers.get("Retry-After") ?? NaN);
  const busy = response.status === 429 || response.status === 503;
  return busy && seconds <= LONGEST_WAIT ? Math.max(1, seconds) : null;
}

async function refusal(response) {
  const { status } = response;
  const { error } = await response.json().catch(() => ({}));
  if (!error) return new Refused(`the service answers with status ${status}`, { status });
  return new Refused(error.message, { status, code: error.code, requestId: error.request_id });
}
