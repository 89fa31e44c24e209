// What is on the page besides texts and answers: the index, its categories, the footer.

import { hasKey } from "./api.js";
import { byId, count, counted, figure, make, name } from "./dom.js";
import { MOST_SHOWN, now } from "./service.js";

export function showState() {
  const { info, index } = now;
  const options = info.indexes.map((one) => make("option", { value: one.name }, one.name));
  byId("index").replaceChildren(...options);
  byId("index").value = index.name;
  byId("choice").hidden = options.length < 2;
  byId("about").hidden = options.length > 1;
  byId("about").replaceChildren("Index ", name(index.name));
  byId("add").hidden = !info.writable;
  byId("forget").hidden = !hasKey();
  byId("facts").replaceChildren(...facts().map((fact) => make("span", {}, fact)));
  showCategories();
}

function facts() {
  const { info, index } = now;
  const { name: encoder, fingerprint } = index.encoder;
  const told = [`textshot ${info.version}`, `generation ${count(index.generation)}`];
  if (index.threshold !== null) told.push(`threshold ${figure(index.threshold)}`);
  told.push(`encoder ${encoder} (${fingerprint})`);
  if (index.private) told.push("texts of the index are private");
  if (index.reload_error) told.push(`what is on disk now is not used: ${index.reload_error}`);
  return told;
}

function showCategories() {
  const known = byId("known");
  const [summary, list, more] = known.children;
  const shown = now.names.slice(0, MOST_SHOWN);
  const left = now.index.categories - shown.length;
  summary.textContent = counted(now.index.categories, "category", "categories");
  list.replaceChildren(...shown.map((one) => make("li", {}, name(one))));
  more.textContent = left > 0 ? `and ${count(left)} more` : "";
  if (known.hidden) known.open = matchMedia("(min-width: 62rem)").matches;
  known.hidden = false;
}
