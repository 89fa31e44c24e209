// From typed text to the texts of requests.

import { RequestError } from "./api.js";
import { integer } from "./dom.js";

const MAX_TEXTS = 1000;
const BODY_OVERHEAD = 1000;

/** Return the lines of a field that are not blank, or all of it as one text. */
export function splitLines(value, asOneText) {
  if (asOneText) return [value];
  const lines = value.split(/\r\n|\r|\n/).filter((line) => line.trim());
  if (lines.length > MAX_TEXTS) {
    const limit = `this page shows up to ${integer(MAX_TEXTS)} texts, and there are`;
    throw new RequestError(`${limit} ${integer(lines.length)}. Upload them as a file`);
  }
  return lines.length ? lines : [""];
}

/** Split texts into requests within the limits of the service. */
export function splitRequests(texts, limits) {
  const parts = [[]];
  let size = 0;
  for (const text of texts) {
    const bytes = new TextEncoder().encode(JSON.stringify(text)).length + 1;
    const tooLarge = size + bytes > limits.max_body - BODY_OVERHEAD;
    if (parts.at(-1).length && (tooLarge || parts.at(-1).length >= limits.max_texts)) {
      parts.push([]);
      size = 0;
    }
    parts.at(-1).push(text);
    size += bytes;
  }
  return parts;
}
