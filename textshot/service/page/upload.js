// A file: uploaded, followed, and offered for download with a category for each row.

import { RequestError, getJson, send, sleep } from "./api.js";
import { byId, integer, plural, setStatus } from "./dom.js";
import { fileOptions, guessColumns } from "./file_options.js";
import { FileView } from "./file_view.js";

const FIRST_PAUSE = 0.4;
const MAX_PAUSE = 2;
let running = null;

/** Take files from the button and by drag and drop; `describe()` returns index path and limits. */
export function listenForFiles(describe) {
  const input = byId("file");
  byId("choose-file").addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    takeFiles([...input.files], describe);
    input.value = "";
  });
  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      document.body.classList.toggle("dropping", kind === "dragover");
      if (kind === "drop") takeFiles([...event.dataTransfer.files], describe);
    });
  }
}

function takeFiles(files, describe) {
  if (!files.length) return;
  if (running) return setStatus("One file at a time: wait for the current one, or cancel it.");
  const others = files.length > 1 ? " Only the first file is used: one file at a time." : "";
  setStatus(`Uploading the file.${others}`);
  run(files[0], {}, describe);
}

async function run(file, options, describe) {
  running = new AbortController();
  const view = new FileView(file.name, () => running?.abort());
  let offerOptions = false;
  let failed = false;
  let columns = [];
  try {
    const { rejected } = await upload(file, options, view, await describe(), running.signal);
    offerOptions = rejected > 0;
  } catch (error) {
    view.showFailure(error);
    columns = error.columns ?? [];
    offerOptions = failed = ["unreadable_file", "invalid_request"].includes(error.code);
  } finally {
    running = null;
  }
  if (!offerOptions) return;
  const resend = (newOptions) => run(file, newOptions, describe);
  view.add(fileOptions(columns.length ? columns : await guessColumns(file), failed, resend));
}

async function upload(file, options, view, { path, limits }, signal) {
  if (file.size > limits.max_file) {
    const [size, limit] = [file.size, limits.max_file].map(integer);
    throw new RequestError(`the file has ${size} bytes; the limit is ${limit}. Split it`);
  }
  const id = newId();
  // The page shows the invalid rows, also if they are most of them.
  const query = new URLSearchParams({ name: file.name, allow_rejected: true, ...options });
  const headers = { "X-Request-ID": id, "Content-Type": "application/octet-stream" };
  const done = new AbortController();
  const following = followProgress(`${path}/files/${id}`, view, done.signal);
  try {
    const request = { method: "POST", body: file, headers, signal };
    const response = await send(`${path}/files?${query}`, request);
    const data = await readAll(response, view, `${path}/files/${id}`);
    const progress = await getJson(`${path}/files/${id}`);
    view.showResult(data, resultName(file.name, response), progress);
    return progress;
  } finally {
    done.abort();
    await following;
  }
}

/** Return the content of a response; if it breaks off, say after how many rows, and why. */
async function readAll(response, view, path) {
  try {
    return await response.blob();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    const progress = await getJson(path, { once: true }).catch(() => ({ rows: 0, problems: [] }));
    view.showInvalidRows(progress);
    const rows = plural(progress.rows, "row");
    const reason = progress.error ?? "the service was stopped";
    throw new RequestError(
      `the response broke off after ${rows}: ${reason}. No result was saved`,
    );
  }
}

/** Show the progress until the signal aborts. */
async function followProgress(path, view, signal) {
  try {
    for (let pause = FIRST_PAUSE; ; pause = Math.min(MAX_PAUSE, 1.3 * pause)) {
      await sleep(pause, signal);
      const progress = await getJson(path, { once: true, signal }).catch(() => null);
      if (progress && !signal.aborted) view.showProgress(progress);
    }
  } catch {
    // aborted
  }
}

/** Name the result after the file; the name from the service is limited to ASCII. */
function resultName(fileName, response) {
  const disposition = response.headers.get("Content-Disposition") ?? "";
  const extension = /\.(\w+)"?$/.exec(disposition)?.[1] ?? "csv";
  return `${fileName.replace(/\..*$/, "") || "file"}-categorised.${extension}`;
}

/** Make a random id; crypto.randomUUID needs https. */
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
