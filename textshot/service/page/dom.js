// Elements and figures. What people wrote goes in as text, never as markup.

/** Make an element with attributes; true is one without a value, false is none. */
export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

export const byId = (id) => document.getElementById(id);

/** What somebody called something: its direction of writing must not turn the sentence around. */
export const name = (text) => make("bdi", { class: "name" }, text);

export const quote = (text) => make("span", {}, "“", make("bdi", {}, text), "”");

export const count = (n) => n.toLocaleString("en");

export const counted = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

export const figure = (score, digits = 2) => score.toFixed(digits).replace("-", "−");

/** Two scores with as many digits as tell them apart. */
export function apart(a, b) {
  for (const digits of [2, 3, 4, 5]) {
    if (a.toFixed(digits) !== b.toFixed(digits)) return [figure(a, digits), figure(b, digits)];
  }
  return [figure(a, 6), figure(b, 6)];
}

export function percent(share) {
  if (share > 0.99 && share < 1) return "more than 99 %";
  if (share > 0 && share < 0.01) return "less than 1 %";
  return `${Math.round(100 * share)} %`;
}

/** Say something to everybody; it is read out when the page has come to rest. */
export function tell(...parts) {
  byId("status").replaceChildren(...parts);
  byId("problem").replaceChildren();
}

/** Tell what went wrong; nothing, if it was only given up. */
export function tellProblem(error) {
  if (error.name === "AbortError") return;
  byId("status").replaceChildren();
  byId("problem").replaceChildren(make("p", { class: "problem" }, sentence(error)));
}

/** What an error says, as a sentence, with the id under which the log has it. */
export function sentence(error) {
  const words = error.message || String(error);
  const whole = /[.!?…]$/.test(words) ? words : `${words}.`;
  const begun = whole.charAt(0).toUpperCase() + whole.slice(1);
  return error.requestId && error.status >= 500 ? `${begun} (request ${error.requestId})` : begun;
}
