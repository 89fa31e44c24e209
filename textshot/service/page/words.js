// Predictions in plain words.

import { distinct, fixed, named, percent, quoted } from "./dom.js";

/** Whether a text is blank, or the encoder knows no word of it. */
export function saysNothing({ unknown_because: reason }) {
  return reason === "empty" || reason === "unreadable";
}

/** Score, margin and probability of an answer. */
export function confidence(prediction) {
  const { label, score, margin, probability, matches } = prediction;
  if (saysNothing(prediction) || !matches.length) return [];
  const parts = label === null ? [] : [`score ${fixed(score)}`];
  if (matches.length > 1) parts.push(`${fixed(margin)} ahead of the next`);
  if (probability !== null) parts.push(`${percent(probability)} likely to be right`);
  return parts;
}

/** The text that decided the answer, or the nearest one if it is unknown. */
export function evidence({ label, unknown_because: reason, matches }) {
  if (!matches.length || saysNothing({ unknown_because: reason })) return [];
  const [{ label: nearest, key }] = matches;
  const isUnknown = label === null;
  const start = isUnknown ? "Nearest is " : "Decided by ";
  const category = isUnknown ? [" of ", named(nearest)] : [];
  if (key.kind === "name") return [start, "the name", ...(isUnknown ? category : [" itself"])];
  const kind = key.source === "correction" ? "correction" : key.kind;
  if (key.text !== null) return [start, `the ${kind} `, quoted(key.text), ...category];
  const article = kind === "example" ? "an" : "a";
  return [start, `${article} ${kind}`, ...category, " (text kept private)"];
}

/** Why a text is unknown. */
export function reasonUnknown({ unknown_because: reason, score, threshold, matches }) {
  const [best] = matches;
  switch (reason) {
    case "empty":
      return ["The text is empty."];
    case "unreadable":
      return ["The encoder knows no word of the text."];
    case "no_categories":
      return ["There are no categories yet."];
    case "near_nothing":
      return [
        "It is near ", named(best.label), ` (${fixed(best.score)}),`,
        " but nearer to a text that fits no category.",
      ];
    case "below_threshold": {
      const [actual, needed] = distinct(score, threshold);
      return [`The best score, ${actual}, is below the threshold of ${needed}.`];
    }
    default:
      return ["It fits no category."];
  }
}

/** How an answer differs from the one before, or null. */
export function difference(before, after) {
  if (!before) return null;
  if (before.label !== after.label) {
    return ["was ", before.label === null ? "unknown" : named(before.label)];
  }
  const differs = Math.abs(before.score - after.score) >= 0.005;
  return differs ? [`score was ${fixed(before.score)}`] : null;
}
