// Teaching: a new category, a corrected answer.

import { Refused } from "./api.js";
import { choiceOf } from "./choice.js";
import { byId, make, name, sentence } from "./dom.js";

const choices = new WeakMap();

/** The form that adds a category; `add(body)` does it. */
export function teachCategories(add) {
  const form = byId("add");
  const title = byId("add-name");
  const learn = learning(form, byId("add-problem"), async () => {
    const examples = [byId("add-example").value];
    await add({ name: title.value, examples, description: byId("add-description").value });
    form.reset();
    title.focus();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    learn();
  });
}

/** What corrects an answer to one of the categories; `correct(text, label)` learns. */
export function corrector(text, names, correct) {
  if (!text.trim()) return null;
  const choice = choiceOf(names);
  const label = make("label", {}, make("span", {}, "Should be"), choice.node);
  const button = make("button", {}, "Correct");
  const begin = make("button", { type: "button", class: "quiet" }, "New category from this text");
  const problem = make("p", { class: "problem", role: "alert", hidden: true });
  const form = make("form", { class: "correct" }, label, button, choice.none, begin, problem);
  const learn = learning(form, problem, async (wanted) => {
    if (wanted === undefined) throw new Refused("choose a category first");
    await correct(text, wanted);
    choice.clear();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    learn(choice.wanted());
  });
  choice.none?.addEventListener("click", () => learn(null));
  begin.addEventListener("click", () => beginCategory(text));
  choice.fill(names);
  choices.set(form, choice);
  return form;
}

/** Put the categories of now into what corrects answers. */
export function refill(names) {
  for (const form of document.querySelectorAll("form.correct")) choices.get(form).fill(names);
}

/** What was learnt, and what it changed of the answers on screen. */
export function learnt(done, label, moved, shown) {
  const what = [`${done} `, label === null ? "“fits none”" : name(label), "."];
  if (!shown) return what;
  const one = shown === 1 ? "The answer got another category." : `${moved} of ${shown} answers got another category.`;
  return [...what, " ", moved ? one : "No answer got another category."];
}

function beginCategory(text) {
  byId("add-example").value = text;
  byId("add-name").focus();
}

/** Do something for a form, once at a time, and tell beside it what goes wrong. */
function learning(form, problem, work) {
  return async (...given) => {
    if (form.getAttribute("aria-busy") === "true") return;
    form.setAttribute("aria-busy", "true");
    problem.hidden = true;
    try {
      await work(...given);
    } catch (error) {
      problem.textContent = sentence(error);
      problem.hidden = false;
    } finally {
      form.setAttribute("aria-busy", "false");
    }
  };
}
