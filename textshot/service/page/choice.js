// Which category an answer should have been: a list, or a field where there are many.

import { byId, make } from "./dom.js";

const MOST_IN_LIST = 60;
const NONE = "none";

export const choiceOf = (names) => (names.length <= MOST_IN_LIST ? new List() : new Field());

/** A few categories. Options are numbered, as a name can be anything. */
class List {
  node = make("select");
  none = null;
  names = [];

  fill(names) {
    if (names === this.names) return;
    const chosen = this.wanted();
    this.names = names;
    const options = names.map((one, i) => make("option", { value: i, dir: "auto" }, one));
    const first = make("option", { value: "" }, "choose…");
    this.node.replaceChildren(first, ...options, make("option", { value: NONE }, "– fits none –"));
    if (chosen === null) this.node.value = NONE;
    else if (names.includes(chosen)) this.node.value = names.indexOf(chosen);
  }

  /** A category; null: none; undefined: nothing is chosen. */
  wanted() {
    const { value } = this.node;
    if (value === "") return undefined;
    return value === NONE ? null : this.names[Number(value)];
  }

  clear() {
    this.node.value = "";
  }
}

/** Many categories: a field that completes, and a button for none of them. */
class Field {
  node = make("input", { list: "names", dir: "auto", autocomplete: "off", placeholder: "category" });
  none = make("button", { type: "button" }, "Fits none");

  fill(names) {
    const shared = byId("names");
    if (shared.names === names) return;
    shared.names = names;
    shared.replaceChildren(...names.map((one) => make("option", { value: one })));
  }

  wanted() {
    return this.node.value || undefined;
  }

  clear() {
    this.node.value = "";
  }
}
