// What the page knows about the service, and its requests.

import { getJson, postJson } from "./api.js";
import { splitRequests } from "./texts.js";

const N_MATCHES = 5;
const PAGE_SIZE = 1000;
const MAX_NAMES = 10_000;
export const MAX_SHOWN = 200;

/** The description of the service, the selected index and the names of its categories. */
export const service = { info: null, index: null, names: [] };

export const indexPath = () => `/v1/indexes/${encodeURIComponent(service.index.name)}`;

/** Read the description of the service and the categories of an index; null: the same as before. */
export async function loadIndex(name = null) {
  const selected = name ?? service.index?.name;
  const info = await getJson("/v1/info");
  const fallback = info.indexes.find((index) => index.default) ?? info.indexes[0];
  service.info = info;
  service.index = info.indexes.find((index) => index.name === selected) ?? fallback;
  service.names = await categoryNames(info.writable ? MAX_NAMES : MAX_SHOWN);
}

async function categoryNames(limit) {
  const names = [];
  const pageSize = Math.min(PAGE_SIZE, limit);
  for (let total = 1; names.length < Math.min(total, limit); ) {
    const page = await getJson(`${indexPath()}/categories?offset=${names.length}&limit=${pageSize}`);
    if (!page.categories.length) break;
    names.push(...page.categories.map((category) => category.name));
    total = page.total;
  }
  return names;
}

/** Return the predictions for texts, in as many requests as the limits need. */
export async function classify(texts, signal) {
  const predictions = [];
  let generation = null;
  for (const part of splitRequests(texts, service.info.limits)) {
    const answer = await postJson(`${indexPath()}/classify`, { texts: part, k: N_MATCHES }, signal);
    predictions.push(...answer.predictions);
    generation = answer.index_generation;
  }
  return { predictions, generation };
}

/** Change the index, unless it is not the generation that the page shows. */
export function change(path, body) {
  return postJson(`${indexPath()}/${path}?generation=${service.index.generation}`, body);
}
