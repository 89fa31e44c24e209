// What the page knows of the service, and the questions that it asks.

import { ask, post } from "./api.js";
import { partsOf } from "./texts.js";

const MATCHES = 5;
const LISTED_AT_ONCE = 1000;
const MOST_NAMES = 10_000;
export const MOST_SHOWN = 200;

/** What is known of now. */
export const now = { info: null, index: null, names: [] };

export const path = () => `/v1/indexes/${encodeURIComponent(now.index.name)}`;

/** Read what the service is, and the categories of an index; null: of the one of before. */
export async function load(wanted = null) {
  const called = wanted ?? now.index?.name;
  const info = await ask("/v1/info");
  const first = info.indexes.find((index) => index.default) ?? info.indexes[0];
  now.info = info;
  now.index = info.indexes.find((index) => index.name === called) ?? first;
  now.names = await namesOf(info.writable ? MOST_NAMES : MOST_SHOWN);
}

async function namesOf(most) {
  const names = [];
  const limit = Math.min(LISTED_AT_ONCE, most);
  for (let total = 1; names.length < Math.min(total, most); ) {
    const part = await ask(`${path()}/categories?offset=${names.length}&limit=${limit}`);
    if (!part.categories.length) break;
    names.push(...part.categories.map((category) => category.name));
    total = part.total;
  }
  return names;
}

/** Return the answers for texts, in as many requests as the limits need. */
export async function classify(texts, signal) {
  const predictions = [];
  let generation = null;
  for (const part of partsOf(texts, now.info.limits)) {
    const found = await post(`${path()}/classify`, { texts: part, k: MATCHES }, signal);
    predictions.push(...found.predictions);
    generation = found.index_generation;
  }
  return { predictions, generation };
}

/** Change the index, if it still is the one that the page has seen. */
export function write(where, body) {
  return post(`${path()}/${where}?generation=${now.index.generation}`, body);
}
