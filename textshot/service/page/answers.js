// The answers: a card for each text. A card stays when its text is asked anew, and so does the focus.

import { counted, figure, make, name, tell } from "./dom.js";
import { change, decidedBy, sureness, why } from "./words.js";

const LONGEST = 600;
let cards = [];

/** Show answers to new texts; `footOf(text)` makes what stands below each, or null. */
export function showAnswers(section, texts, predictions, footOf) {
  cards = texts.map((text, i) => new Card(text, predictions[i], footOf));
  section.querySelector("ol").replaceChildren(...cards.map((card) => card.node));
  section.hidden = false;
  tell(summary(predictions));
}

/** Show what the same texts are answered now; return how many got another category. */
export function updateAnswers(predictions) {
  return cards.filter((card, i) => card.show(predictions[i])).length;
}

export const shownTexts = () => cards.map((card) => card.text);

export function summary(predictions) {
  const unknown = predictions.filter((prediction) => prediction.label === null).length;
  const all = predictions.length;
  const texts = counted(all, "text");
  if (unknown > 0 && unknown < all) return `${texts}: ${all - unknown} in a category, ${unknown} unknown.`;
  return `${texts}, ${all > 1 ? "all " : ""}${unknown ? "unknown" : "in a category"}.`;
}

class Card {
  constructor(text, prediction, footOf) {
    this.text = text;
    this.answer = make("div", { class: "answer" });
    const foot = footOf(text);
    this.node = make("li", { class: "card" }, shownText(text), this.answer, foot);
    this.show(prediction);
  }

  /** Show an answer; return whether its category is another than before. */
  show(prediction) {
    const changed = change(this.before, prediction);
    const moved = Boolean(this.before) && this.before.label !== prediction.label;
    this.before = prediction;
    this.node.classList.toggle("changed", moved);
    this.node.classList.toggle("unknown", prediction.label === null);
    this.answer.replaceChildren(...answer(prediction, changed));
    return moved;
  }
}

function* answer(prediction, changed) {
  const { label, threshold, matches, unknown_because: because } = prediction;
  const title = label === null ? "unknown" : name(label);
  const mark = changed && make("span", { class: "mark" }, ...changed);
  const sure = make("p", { class: "soft sure" }, sureness(prediction).join(" · "));
  const heading = make("h2", {}, make("span", { class: "label" }, title), mark);
  yield make("div", { class: "head" }, heading, sure);
  if (label === null) yield make("p", {}, ...why(prediction));
  if (because !== "empty" && matches.length) yield bars(matches, threshold, label);
  const decided = decidedBy(prediction);
  if (decided.length) yield make("p", { class: "soft" }, ...decided);
}

/** Bars of the scores, with a tick where the threshold is. */
function bars(matches, threshold, label) {
  const ticked = threshold !== null && threshold >= 0 && threshold <= 1;
  const rows = matches.map((match) => {
    const bar = place(make("i", { class: "bar" }), "width", match.score);
    const tick = ticked ? place(make("i", { class: "tick" }), "left", threshold) : null;
    const track = make("span", { class: "track", "aria-hidden": "true" }, bar, tick);
    const chosen = match.label === label ? "chosen" : "";
    const score = make("span", { class: "number" }, figure(match.score));
    return make("li", { class: chosen }, name(match.label), track, score);
  });
  const list = make("ul", { class: "bars", "aria-label": "Scores" }, ...rows);
  return make("div", {}, list, threshold === null ? null : axis(threshold, ticked));
}

function axis(threshold, ticked) {
  const words = make("span", { class: ticked ? "at" : "" }, `threshold ${figure(threshold)}`);
  if (ticked) place(words, "left", threshold);
  return make("p", { class: "axis" }, make("span", { class: "scale" }, words));
}

/** Put something at a score between 0 and 1; the policy of the page allows this, no style="". */
function place(node, property, score) {
  const share = Math.min(1, Math.max(0, score));
  node.style[property] = `${(100 * share).toFixed(2)}%`;
  return node;
}

function shownText(text) {
  if (!text.trim()) return make("p", { class: "text soft" }, "(nothing)");
  if (text.length <= LONGEST) return make("p", { class: "text", dir: "auto" }, text);
  const begun = [...text.slice(0, LONGEST)].slice(0, -1).join("");
  const rest = text.slice(begun.length);
  const more = make("button", { type: "button", class: "quiet" }, `and ${counted(rest.length, "more character")}`);
  const node = make("p", { class: "text", dir: "auto" }, begun, "… ", more);
  more.addEventListener("click", () => node.replaceChildren(text));
  return node;
}
