// The page: what is asked when somebody does something.

import { showAnswers, shownTexts, updateAnswers } from "./answers.js";
import { hooks, keep } from "./api.js";
import { byId, counted, sentence, tell, tellProblem } from "./dom.js";
import { askForKey } from "./key.js";
import { classify, load, now, path, write } from "./service.js";
import { showState } from "./state.js";
import { corrector, learnt, refill, teachCategories } from "./teach.js";
import { linesOf } from "./texts.js";
import { takeFiles } from "./upload.js";

let asking = null;

async function read(wanted) {
  await load(wanted);
  showState();
  refill(now.names);
}

/** Return the answers for texts; only the newest question counts, one before it is given up. */
async function answersTo(texts) {
  asking?.abort();
  const mine = new AbortController();
  asking = mine;
  byId("ask").setAttribute("aria-busy", "true");
  try {
    const { predictions, generation } = await classify(texts, mine.signal);
    if (generation !== now.index.generation) await read();
    mine.signal.throwIfAborted();
    return predictions;
  } finally {
    if (asking === mine) byId("ask").setAttribute("aria-busy", "false");
  }
}

async function askTexts(texts) {
  const predictions = await answersTo(texts);
  showAnswers(byId("answers"), texts, predictions, footOf);
}

const footOf = (text) => (now.info.writable ? corrector(text, now.names, correct) : null);

/** Ask what is on screen anew; return how many answers are others, and of how many. */
async function askAnew() {
  const texts = shownTexts();
  const moved = texts.length ? updateAnswers(await answersTo(texts)) : 0;
  return [moved, texts.length];
}

/** Change the index; where somebody else was first, read it anew and say so. */
async function change(where, body) {
  const before = now.index.generation;
  try {
    return await write(where, body);
  } catch (error) {
    if (error.code !== "stale_generation") throw error;
    await read();
    await doing(askAnew);
    error.message =
      `somebody else changed the index meanwhile (generation ${before}, now` +
      ` ${now.index.generation}), and nothing of yours is in it. It was read anew: look, and try again`;
    throw error;
  }
}

async function addCategory(body) {
  const { category } = await change("categories", body);
  await read();
  await doing(async () => tell(...learnt("Added", category.name, ...(await askAnew()))));
}

async function correct(text, label) {
  const { changed } = await change("corrections", { corrections: [{ text, label }] });
  await read();
  const done = changed ? "Learnt" : "Known already:";
  await doing(async () => tell(...learnt(done, label, ...(await askAnew()))));
}

/** Do something, and tell what goes wrong. */
const doing = (work) => work().catch(tellProblem);

/** The same, for something that needs to know the service. */
const asked = (work) =>
  doing(async () => {
    if (!now.index) await read();
    await work();
  });

function listen() {
  const texts = byId("texts");
  byId("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    asked(() => askTexts(linesOf(texts.value, byId("whole").checked)));
  });
  texts.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("ask").requestSubmit();
  });
  byId("index").addEventListener("change", ({ target }) => {
    doing(async () => {
      await read(target.value);
      if (shownTexts().length) await askTexts(shownTexts());
    });
  });
  byId("forget").addEventListener("click", () => {
    keep(null);
    doing(read);
  });
  teachCategories(addCategory);
  takeFiles(async () => {
    if (!now.index) await read();
    return { path: path(), limits: now.info.limits };
  });
}

hooks.askKey = askForKey;
hooks.waiting = (refused, seconds) => {
  const words = refused && sentence({ message: refused.message });
  tell(refused ? `${words} Trying again in ${counted(seconds, "second")}…` : "");
};
listen();
doing(read);
