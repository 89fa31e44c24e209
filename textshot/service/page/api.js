// Requests to the service: API key, retries, one shape of errors.

const KEY = "textshot-key";
const MAX_ATTEMPTS = 8;
const MAX_WAIT_SECONDS = 60;
let keyInMemory = null;

/** What the page does when a request needs a key or has to wait; `onWait(null, 0)` ends a wait. */
export const hooks = {
  requestKey: async () => "",
  onWait: () => {},
};

/** The service refuses a request; status 0: the request was not sent. */
export class RequestError extends Error {
  constructor(message, { status = 0, code = "", requestId = "", columns = [] } = {}) {
    super(message);
    Object.assign(this, { status, code, requestId, columns });
  }
}

/** Return the response to a request, which is repeated when the service asks for that. */
export async function send(path, options = {}) {
  for (let attempt = 1; ; attempt++) {
    const response = await sendOnce(path, options);
    if (response.ok) {
      if (attempt > 1) hooks.onWait(null, 0);
      return response;
    }
    const error = await errorOf(response);
    if (response.status === 401) {
      storeKey(await hooks.requestKey(error.message));
      continue;
    }
    const seconds = options.once ? null : retryAfter(response);
    if (seconds === null || attempt >= MAX_ATTEMPTS) throw error;
    hooks.onWait(error, seconds);
    await sleep(seconds, options.signal);
  }
}

/** Return the JSON of a response. */
export async function getJson(path, options) {
  return (await send(path, options)).json();
}

export const postJson = (path, json, signal) => getJson(path, { method: "POST", json, signal });

/** Wait until the time is over or the signal aborts. */
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

export const hasKey = () => storedKey() !== null;

/** Store an API key for this tab; null forgets it. */
export function storeKey(key) {
  keyInMemory = key;
  try {
    if (key === null) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, key);
  } catch {
    // the browser stores nothing: the key lives as long as the page
  }
}

function storedKey() {
  try {
    return sessionStorage.getItem(KEY) ?? keyInMemory;
  } catch {
    return keyInMemory;
  }
}

async function sendOnce(path, { method = "GET", json, body, headers = {}, signal }) {
  const allHeaders = { ...headers };
  if (hasKey()) allHeaders.Authorization = `Bearer ${storedKey()}`;
  if (json !== undefined) allHeaders["Content-Type"] = "application/json";
  const content = json === undefined ? body : JSON.stringify(json);
  try {
    return await fetch(path, { method, headers: allHeaders, body: content, signal, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new RequestError("the service does not answer. Is it running?", { code: "unreachable" });
  }
}

/** Return the seconds to wait before the next attempt; null: do not try again. */
function retryAfter(response) {
  const seconds = Number(response.headers.get("Retry-After") ?? NaN);
  const busy = response.status === 429 || response.status === 503;
  return busy && seconds <= MAX_WAIT_SECONDS ? Math.max(1, seconds) : null;
}

async function errorOf(response) {
  const { status } = response;
  const { error } = await response.json().catch(() => ({}));
  if (!error) return new RequestError(`the service answered with status ${status}`, { status });
  const { code, columns, request_id: requestId } = error;
  return new RequestError(error.message, { status, code, requestId, columns });
}
