// A file: sent, watched, and given back with a category for each row.

import { Refused, ask, call, sleep } from "./api.js";
import { columnsOf, optionsOf } from "./columns.js";
import { byId, count, counted, tell } from "./dom.js";
import { FileView } from "./file.js";

const FIRST_LOOK = 0.4;
const LONGEST_PAUSE = 2;
let running = null;

/** Take files by the button and by dropping; `service()` knows the path of the index and limits. */
export function takeFiles(service) {
  const input = byId("file");
  byId("choose-file").addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    take([...input.files], service);
    input.value = "";
  });
  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      document.body.classList.toggle("dropping", kind === "dragover");
      if (kind === "drop") take([...event.dataTransfer.files], service);
    });
  }
}

function take(files, service) {
  if (!files.length) return;
  if (running) return tell("One file at a time: wait for the other, or cancel it.");
  const others = files.length > 1 ? ` The others are left out: one file at a time.` : "";
  tell(`The file is being sent.${others}`);
  run(files[0], {}, service);
}

async function run(file, options, service) {
  running = new AbortController();
  const view = new FileView(file.name, () => running?.abort());
  let again = false;
  let failed = false;
  try {
    const { rejected } = await send(file, options, view, await service(), running.signal);
    again = rejected > 0;
  } catch (error) {
    view.failed(error);
    again = failed = ["unreadable_file", "invalid_request"].includes(error.code);
  } finally {
    running = null;
  }
  if (!again) return;
  view.add(optionsOf(await columnsOf(file), failed, (given) => run(file, given, service)));
}

async function send(file, options, view, { path, limits }, signal) {
  if (file.size > limits.max_file) {
    const sizes = [file.size, limits.max_file].map(count);
    throw new Refused(`the file has ${sizes[0]} bytes, and ${sizes[1]} are the most. Cut it up`);
  }
  const id = newId();
  const query = new URLSearchParams({ name: file.name, ...options });
  const headers = { "X-Request-ID": id, "Content-Type": "application/octet-stream" };
  const over = new AbortController();
  const watching = watch(`${path}/files/${id}`, view, over.signal);
  try {
    const sent = { method: "POST", body: file, headers, signal };
    const response = await call(`${path}/files?${query}`, sent);
    const data = await whole(response, view, `${path}/files/${id}`);
    const progress = await ask(`${path}/files/${id}`);
    view.done(data, nameOf(file.name, response), progress);
    return progress;
  } finally {
    over.abort();
    await watching;
  }
}

/** Return all of an answer; where it breaks off, say how far it came. */
async function whole(response, view, path) {
  try {
    return await response.blob();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    const progress = await ask(path, { once: true }).catch(() => ({ rows: 0, problems: [] }));
    view.problems(progress);
    const rows = counted(progress.rows, "row");
    throw new Refused(
      `the answer broke off after ${rows}: from there on the file cannot be read, or the service` +
        " was stopped. Nothing was kept",
    );
  }
}

/** Show how far it is until there is a result; what is not known yet is asked again. */
async function watch(path, view, signal) {
  try {
    for (let pause = FIRST_LOOK; ; pause = Math.min(LONGEST_PAUSE, 1.3 * pause)) {
      await sleep(pause, signal);
      const progress = await ask(path, { once: true, signal }).catch(() => null);
      if (progress && !signal.aborted) view.progress(progress);
    }
  } catch {
    // the end of watching
  }
}

/** Name the result after the file; the service's own name for it has no letters but plain ones. */
function nameOf(sent, response) {
  const said = response.headers.get("Content-Disposition") ?? "";
  const ending = /\.(\w+)"?$/.exec(said)?.[1] ?? "csv";
  return `${sent.replace(/\..*$/, "") || "file"}-categorised.${ending}`;
}

/** crypto.randomUUID is missing where a page is not served by https. */
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
