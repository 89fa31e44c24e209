// Elements and numbers. Texts of users are added as text, never as markup.

/** Make an element; an attribute that is true has no value, one that is false is left out. */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

export const byId = (id) => document.getElementById(id);

/** A name from a user, isolated so that its writing direction does not affect the sentence. */
export const named = (text) => element("bdi", { class: "name" }, text);

export const quoted = (text) => element("span", {}, "“", element("bdi", {}, text), "”");

export const integer = (n) => n.toLocaleString("en");

export const plural = (n, one, many = `${one}s`) => `${integer(n)} ${n === 1 ? one : many}`;

export const fixed = (score, digits = 2) => score.toFixed(digits).replace("-", "−");

/** Two scores with as many digits as it takes to tell them apart. */
export function distinct(a, b) {
  for (const digits of [2, 3, 4, 5]) {
    if (a.toFixed(digits) !== b.toFixed(digits)) return [fixed(a, digits), fixed(b, digits)];
  }
  return [fixed(a, 6), fixed(b, 6)];
}

export function percent(fraction) {
  if (fraction > 0.99 && fraction < 1) return "more than 99 %";
  if (fraction > 0 && fraction < 0.01) return "less than 1 %";
  return `${Math.round(100 * fraction)} %`;
}

/** Show the status, which screen readers announce. */
export function setStatus(...parts) {
  byId("status").replaceChildren(...parts);
  byId("problem").replaceChildren();
}

/** Show an error, unless the user cancelled. */
export function showError(error) {
  if (error.name === "AbortError") return;
  byId("status").replaceChildren();
  byId("problem").replaceChildren(element("p", { class: "problem" }, errorSentence(error)));
}

/** An error as a sentence; for a fault of the service, with the request id that its log has. */
export function errorSentence(error) {
  const words = error.message || String(error);
  const ended = /[.!?…]$/.test(words) ? words : `${words}.`;
  const sentence = ended.charAt(0).toUpperCase() + ended.slice(1);
  return error.requestId && error.status >= 500 ? `${sentence} (request ${error.requestId})` : sentence;
}
