// The answers: a card for each text. A card and its focus stay when its text is classified again.

import { element, fixed, named, plural, setStatus } from "./dom.js";
import { confidence, difference, evidence, reasonUnknown, saysNothing } from "./words.js";

const MAX_LENGTH = 600;
let cards = [];

/** Show the answers to new texts; `makeFooter(text)` makes the bottom of each card, or null. */
export function showAnswers(section, texts, predictions, makeFooter) {
  cards = texts.map((text, i) => new Card(text, predictions[i], makeFooter));
  section.querySelector("ol").replaceChildren(...cards.map((card) => card.node));
  section.hidden = false;
  setStatus(summary(predictions));
}

/** Show new answers to the same texts; return how many changed category. */
export function updateAnswers(predictions) {
  return cards.filter((card, i) => card.show(predictions[i])).length;
}

export const currentTexts = () => cards.map((card) => card.text);

export function summary(predictions) {
  const unknown = predictions.filter((prediction) => prediction.label === null).length;
  const total = predictions.length;
  const texts = plural(total, "text");
  if (unknown > 0 && unknown < total) return `${texts}: ${total - unknown} in a category, ${unknown} unknown.`;
  return `${texts}, ${total > 1 ? "all " : ""}${unknown ? "unknown" : "in a category"}.`;
}

class Card {
  constructor(text, prediction, makeFooter) {
    this.text = text;
    this.answer = element("div", { class: "answer" });
    this.node = element("li", { class: "card" }, textView(text), this.answer, makeFooter(text));
    this.show(prediction);
  }

  /** Show an answer; return whether it has another category than before. */
  show(prediction) {
    const changes = difference(this.prediction, prediction);
    const changed = Boolean(this.prediction) && this.prediction.label !== prediction.label;
    this.prediction = prediction;
    this.node.classList.toggle("changed", changed);
    this.node.classList.toggle("unknown", prediction.label === null);
    this.answer.replaceChildren(...answerView(prediction, changes));
    return changed;
  }
}

function* answerView(prediction, changes) {
  const { label, threshold, matches } = prediction;
  const title = label === null ? "unknown" : named(label);
  const mark = changes && element("span", { class: "mark" }, ...changes);
  const heading = element("h2", {}, element("span", { class: "label" }, title), mark);
  const details = element("p", { class: "muted confidence" }, confidence(prediction).join(" · "));
  yield element("div", { class: "head" }, heading, details);
  if (label === null) yield element("p", {}, ...reasonUnknown(prediction));
  if (!saysNothing(prediction) && matches.length) yield bars(matches, threshold, label);
  const words = evidence(prediction);
  if (words.length) yield element("p", { class: "muted" }, ...words);
}

/** A bar for each score, with a tick at the threshold. */
function bars(matches, threshold, label) {
  const hasTick = threshold !== null && threshold >= 0 && threshold <= 1;
  const rows = matches.map((match) => {
    const bar = setPosition(element("i", { class: "bar" }), "width", match.score);
    const tick = hasTick ? setPosition(element("i", { class: "tick" }), "left", threshold) : null;
    const track = element("span", { class: "track", "aria-hidden": "true" }, bar, tick);
    const score = element("span", { class: "number" }, fixed(match.score));
    const className = match.label === label ? "chosen" : "";
    return element("li", { class: className }, named(match.label), track, score);
  });
  const list = element("ul", { class: "bars", "aria-label": "Scores" }, ...rows);
  return element("div", {}, list, threshold === null ? null : axis(threshold, hasTick));
}

function axis(threshold, hasTick) {
  const words = element("span", { class: hasTick ? "at" : "" }, `threshold ${fixed(threshold)}`);
  if (hasTick) setPosition(words, "left", threshold);
  return element("p", { class: "axis" }, element("span", { class: "scale" }, words));
}

/** Place a node at a score between 0 and 1; the content policy allows this, but no style="". */
function setPosition(node, property, score) {
  const fraction = Math.min(1, Math.max(0, score));
  node.style[property] = `${(100 * fraction).toFixed(2)}%`;
  return node;
}

function textView(text) {
  if (!text.trim()) return element("p", { class: "text muted" }, "(empty)");
  if (text.length <= MAX_LENGTH) return element("p", { class: "text", dir: "auto" }, text);
  const start = [...text.slice(0, MAX_LENGTH)].slice(0, -1).join("");
  const rest = plural(text.length - start.length, "more character");
  const more = element("button", { type: "button", class: "quiet" }, `and ${rest}`);
  const node = element("p", { class: "text", dir: "auto" }, start, "… ", more);
  more.addEventListener("click", () => node.replaceChildren(text));
  return node;
}
