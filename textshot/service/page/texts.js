// From what somebody typed to the texts of requests.

import { Refused } from "./api.js";

const MOST = 1000;

/** The texts in a field: its lines, those left out that say nothing; or all of it as one. */
export function linesOf(value, whole) {
  if (whole) return [value];
  const lines = value.split(/\r\n|\r|\n/).filter((line) => line.trim());
  if (lines.length > MOST) {
    const message = `these are ${lines.length} texts, and the page shows ${MOST} at most. Send them as a file`;
    throw new Refused(message);
  }
  return lines.length ? lines : [""];
}

/** Split texts into requests that keep the limits of the service. */
export function partsOf(texts, limits) {
  const parts = [[]];
  let size = 0;
  for (const text of texts) {
    const bytes = new TextEncoder().encode(JSON.stringify(text)).length + 1;
    const full = parts.at(-1).length >= limits.max_texts || size + bytes > limits.max_body - 1000;
    if (full && parts.at(-1).length) {
      parts.push([]);
      size = 0;
    }
    parts.at(-1).push(text);
    size += bytes;
  }
  return parts;
}
