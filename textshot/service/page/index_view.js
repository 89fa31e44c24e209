// The view of the index: its name, its categories, the footer.

import { hasKey } from "./api.js";
import { byId, element, fixed, integer, named, plural } from "./dom.js";
import { MAX_SHOWN, service } from "./service.js";

export function showIndex() {
  const { info, index } = service;
  const options = info.indexes.map(({ name }) => element("option", { value: name }, name));
  byId("index").replaceChildren(...options);
  byId("index").value = index.name;
  byId("index-choice").hidden = options.length < 2;
  byId("about").hidden = options.length > 1;
  byId("about").replaceChildren("Index ", named(index.name));
  byId("add").hidden = !info.writable;
  byId("forget").hidden = !hasKey();
  byId("facts").replaceChildren(...facts().map((fact) => element("span", {}, fact)));
  showCategories();
}

function facts() {
  const { info, index } = service;
  const { name: encoder, fingerprint } = index.encoder;
  const words = [`textshot ${info.version}`, `generation ${integer(index.generation)}`];
  if (index.threshold !== null) words.push(`threshold ${fixed(index.threshold)}`);
  words.push(`encoder ${encoder} (${fingerprint})`);
  if (index.private) words.push("the texts of the index are private");
  if (index.reload_error) words.push(`the newest index on disk is not in use: ${index.reload_error}`);
  return words;
}

function showCategories() {
  const details = byId("categories");
  const [summary, list, more] = details.children;
  const names = service.names.slice(0, MAX_SHOWN);
  const rest = service.index.categories - names.length;
  summary.textContent = plural(service.index.categories, "category", "categories");
  list.replaceChildren(...names.map((name) => element("li", {}, named(name))));
  more.textContent = rest > 0 ? `and ${integer(rest)} more` : "";
  if (details.hidden) details.open = matchMedia("(min-width: 62rem)").matches;
  details.hidden = false;
}
