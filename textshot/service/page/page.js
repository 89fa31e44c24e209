// The page: what happens when the user does something.

import { currentTexts, showAnswers, updateAnswers } from "./answers.js";
import { hooks, storeKey } from "./api.js";
import { byId, errorSentence, plural, setStatus, showError } from "./dom.js";
import { changeMessage, correctionForm, listenForCategories, updateForms } from "./edit_forms.js";
import { showIndex } from "./index_view.js";
import { requestKey } from "./key_form.js";
import { change, classify, indexPath, loadIndex, service } from "./service.js";
import { splitLines } from "./texts.js";
import { listenForFiles } from "./upload.js";

let latestRequest = null;

async function refresh(indexName) {
  await loadIndex(indexName);
  showIndex();
  updateForms(service.names);
}

/** Return the predictions for texts; a newer request aborts an older one. */
async function predict(texts) {
  latestRequest?.abort();
  const request = new AbortController();
  latestRequest = request;
  byId("classify").setAttribute("aria-busy", "true");
  try {
    const { predictions, generation } = await classify(texts, request.signal);
    if (generation !== service.index.generation) await refresh();
    request.signal.throwIfAborted();
    return predictions;
  } finally {
    if (latestRequest === request) byId("classify").setAttribute("aria-busy", "false");
  }
}

async function classifyTexts(texts) {
  const predictions = await predict(texts);
  showAnswers(byId("answers"), texts, predictions, makeFooter);
}

const makeFooter = (text) => (service.info.writable ? correctionForm(text, service.names, correct) : null);

/** Classify the texts on screen again; return how many changed category, and how many there are. */
async function classifyAgain() {
  const texts = currentTexts();
  const changed = texts.length ? updateAnswers(await predict(texts)) : 0;
  return [changed, texts.length];
}

/** Change the index; if somebody else changed it first, show the new state and say so. */
async function changeIndex(path, body) {
  const before = service.index.generation;
  try {
    return await change(path, body);
  } catch (error) {
    if (error.code !== "stale_generation") throw error;
    await refresh();
    await withErrors(classifyAgain);
    error.message =
      `somebody else changed the index in the meantime (generation ${before}, now` +
      ` ${service.index.generation}), so your change was not saved. This page now shows the new` +
      " state: check it, and try again";
    throw error;
  }
}

async function addCategory(body) {
  const { category } = await changeIndex("categories", body);
  await refresh();
  await withErrors(async () => setStatus(...changeMessage("Added", category.name, ...(await classifyAgain()))));
}

async function correct(text, label) {
  const { changed } = await changeIndex("corrections", { corrections: [{ text, label }] });
  await refresh();
  const action = changed ? "Correction saved:" : "Already saved:";
  await withErrors(async () => setStatus(...changeMessage(action, label, ...(await classifyAgain()))));
}

/** Do something, and show what goes wrong. */
const withErrors = (work) => work().catch(showError);

/** The same, for something that needs the description of the service. */
const withService = (work) =>
  withErrors(async () => {
    if (!service.index) await refresh();
    await work();
  });

function listen() {
  const texts = byId("texts");
  byId("classify").addEventListener("submit", (event) => {
    event.preventDefault();
    withService(() => classifyTexts(splitLines(texts.value, byId("one-text").checked)));
  });
  texts.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("classify").requestSubmit();
  });
  byId("index").addEventListener("change", ({ target }) => {
    withErrors(async () => {
      await refresh(target.value);
      if (currentTexts().length) await classifyTexts(currentTexts());
    });
  });
  byId("forget").addEventListener("click", () => {
    storeKey(null);
    withErrors(refresh);
  });
  listenForCategories(addCategory);
  listenForFiles(async () => {
    if (!service.index) await refresh();
    return { path: indexPath(), limits: service.info.limits };
  });
}

hooks.requestKey = requestKey;
hooks.onWait = (error, seconds) => {
  const words = error && errorSentence({ message: error.message });
  setStatus(error ? `${words} Trying again in ${plural(seconds, "second")}…` : "");
};
listen();
withErrors(refresh);
