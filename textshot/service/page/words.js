// What an answer says, in plain words.

import { apart, figure, name, percent, quote } from "./dom.js";

const KINDS = { name: "name", description: "description", example: "example" };

/** How sure an answer is: score, margin, probability. */
export function sureness(prediction) {
  const { label, score, margin, probability, matches } = prediction;
  if (prediction.unknown_because === "empty" || !matches.length) return [];
  const parts = label === null ? [] : [`score ${figure(score)}`];
  if (matches.length > 1) parts.push(`${figure(margin)} ahead of the next`);
  if (probability !== null) parts.push(`${percent(probability)} likely to be right`);
  return parts;
}

/** Which text decided, or was nearest. */
export function decidedBy({ label, unknown_because: because, matches }) {
  if (!matches.length || because === "empty") return [];
  const [{ label: nearest, key }] = matches;
  const begun = label === null ? ["Nearest is "] : ["Decided by "];
  const of = label === null ? [" of ", name(nearest)] : [];
  const known = KINDS[key.kind] ?? key.kind;
  const kind = key.kind === "example" && key.source === "correction" ? "correction" : known;
  if (key.kind === "name") return [...begun, "the name", ...(label === null ? of : [" itself"])];
  if (key.text !== null) return [...begun, `the ${kind} `, quote(key.text), ...of];
  const article = kind === "example" ? "an" : "a";
  return [...begun, `${article} ${kind}`, ...of, " (text kept private)"];
}

/** Why a text is unknown. */
export function why({ unknown_because: because, score, threshold, matches }) {
  const [best] = matches;
  switch (because) {
    case "empty":
      return ["The text is empty."];
    case "no_categories":
      return ["There are no categories yet."];
    case "near_nothing":
      return [
        "It comes near ", name(best.label), ` (${figure(best.score)}),`,
        " but is nearer to a text that fits no category.",
      ];
    case "below_threshold": {
      const [reached, needed] = apart(score, threshold);
      return [`The best score ${reached} does not reach the threshold ${needed}.`];
    }
    default:
      return ["It fits no category."];
  }
}

/** What is another than before, or null. */
export function change(before, now) {
  if (!before) return null;
  if (before.label !== now.label) {
    return ["was ", before.label === null ? "unknown" : name(before.label)];
  }
  const differs = Math.abs(before.score - now.score) >= 0.005;
  return differs ? [`score was ${figure(before.score)}`] : null;
}
