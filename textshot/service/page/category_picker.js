// Picks the right category of an answer: from a list, or in a text field if there are many.

import { byId, element } from "./dom.js";

const MAX_LISTED = 60;
const NONE = "none";

export const makePicker = (names) => (names.length <= MAX_LISTED ? new ListPicker() : new FieldPicker());

/** For a few categories. Options are numbered, because a name can be any text. */
class ListPicker {
  node = element("select");
  noneButton = null;
  names = [];

  setNames(names) {
    if (names === this.names) return;
    const selected = this.value();
    this.names = names;
    const options = names.map((name, i) => element("option", { value: i, dir: "auto" }, name));
    const first = element("option", { value: "" }, "choose…");
    this.node.replaceChildren(first, ...options, element("option", { value: NONE }, "– fits none –"));
    if (selected === null) this.node.value = NONE;
    else if (names.includes(selected)) this.node.value = names.indexOf(selected);
  }

  /** The selected category; null: fits none; undefined: nothing is selected. */
  value() {
    const { value } = this.node;
    if (value === "") return undefined;
    return value === NONE ? null : this.names[Number(value)];
  }

  clear() {
    this.node.value = "";
  }
}

/** For many categories: a field with completion, and a button for none of them. */
class FieldPicker {
  node = element("input", { list: "names", dir: "auto", autocomplete: "off", placeholder: "category" });
  noneButton = element("button", { type: "button" }, "Fits none");

  setNames(names) {
    const datalist = byId("names");
    if (datalist.names === names) return;
    datalist.names = names;
    datalist.replaceChildren(...names.map((name) => element("option", { value: name })));
  }

  value() {
    return this.node.value || undefined;
  }

  clear() {
    this.node.value = "";
  }
}
