// The forms that change the index: a new category, a corrected answer.

import { RequestError } from "./api.js";
import { makePicker } from "./category_picker.js";
import { byId, element, errorSentence, named } from "./dom.js";

const pickers = new WeakMap();

/** Call `add(body)` when the user adds a category. */
export function listenForCategories(add) {
  const form = byId("add");
  const nameField = byId("add-name");
  const save = saver(form, byId("add-problem"), async () => {
    const examples = [byId("add-example").value];
    await add({ name: nameField.value, examples, description: byId("add-description").value });
    form.reset();
    nameField.focus();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    save();
  });
}

/** The form that corrects an answer by calling `correct(text, label)`. */
export function correctionForm(text, names, correct) {
  if (!text.trim()) return null;
  const picker = makePicker(names);
  const label = element("label", {}, element("span", {}, "Should be"), picker.node);
  const button = element("button", {}, "Correct");
  const newCategory = element("button", { type: "button", class: "quiet" }, "New category from this text");
  const problem = element("p", { class: "problem", role: "alert", hidden: true });
  const children = [label, button, picker.noneButton, newCategory, problem];
  const form = element("form", { class: "correct" }, ...children);
  const save = saver(form, problem, async (category) => {
    if (category === undefined) throw new RequestError("choose a category first");
    await correct(text, category);
    picker.clear();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    save(picker.value());
  });
  picker.noneButton?.addEventListener("click", () => save(null));
  newCategory.addEventListener("click", () => startCategory(text));
  picker.setNames(names);
  pickers.set(form, picker);
  return form;
}

/** Update the categories in all correction forms. */
export function updateForms(names) {
  for (const form of document.querySelectorAll("form.correct")) pickers.get(form).setNames(names);
}

/** What was saved, and how many of the answers on screen changed. */
export function changeMessage(action, label, changed, total) {
  const message = [`${action} `, label === null ? "“fits none”" : named(label), "."];
  if (!total) return message;
  const words = total === 1 ? "The answer changed category." : `${changed} of ${total} answers changed category.`;
  return [...message, " ", changed ? words : "No answer changed category."];
}

function startCategory(text) {
  byId("add-example").value = text;
  byId("add-name").focus();
}

/** Return a function that runs `work` once at a time, and shows errors beside the form. */
function saver(form, problem, work) {
  return async (...values) => {
    if (form.getAttribute("aria-busy") === "true") return;
    form.setAttribute("aria-busy", "true");
    problem.hidden = true;
    try {
      await work(...values);
    } catch (error) {
      problem.textContent = errorSentence(error);
      problem.hidden = false;
    } finally {
      form.setAttribute("aria-busy", "false");
    }
  };
}
