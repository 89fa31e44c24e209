// The view of an uploaded file: progress, result, invalid rows.

import { byId, element, errorSentence, integer, percent, plural, setStatus } from "./dom.js";

let objectUrl = null;

export class FileView {
  constructor(fileName, cancel) {
    if (objectUrl) URL.revokeObjectURL(objectUrl);
    this.section = byId("upload");
    this.bar = element("progress", { max: 1, "aria-label": `Progress of ${fileName}` });
    const button = element("button", { type: "button" }, "Cancel");
    button.addEventListener("click", cancel);
    this.row = element("div", { class: "row" }, this.bar, button);
    this.words = element("p", { class: "muted" }, "Uploading…");
    this.end = element("div", { class: "end" });
    const title = element("h2", { id: "upload-title" }, element("bdi", {}, fileName));
    this.section.replaceChildren(title, this.row, this.words, this.end);
    this.section.hidden = false;
  }

  showProgress({ state, fraction, rows }) {
    if (fraction === null || !rows) this.bar.removeAttribute("value");
    else this.bar.value = fraction;
    if (state !== this.state && state === "running") setStatus("The file is uploaded and is being classified.");
    this.state = state;
    const part = fraction === null ? "" : `, ${percent(fraction)}`;
    const waiting = state === "reading" ? "Uploading…" : "Classifying…";
    this.words.textContent = rows ? `${plural(rows, "row")}${part}` : waiting;
  }

  showResult(data, fileName, { rows, unknown, rejected, problems, warnings }) {
    objectUrl = URL.createObjectURL(data);
    const counts = [plural(rows, "row")];
    if (unknown !== null && rows) counts.push(`${integer(unknown)} unknown (${percent(unknown / rows)})`);
    if (rejected) counts.push(`${integer(rejected)} skipped`);
    this.words.textContent = counts.join(" · ");
    const words = ["Download ", element("bdi", {}, fileName)];
    const attributes = { href: objectUrl, download: fileName, class: "button main" };
    const download = element("a", attributes, ...words);
    this.words.after(element("p", {}, download));
    this.finish(download);
    for (const words of warnings) this.add(element("p", {}, words));
    this.showInvalidRows({ rejected, problems });
    setStatus("The result is ready to download.");
  }

  /** Show the invalid rows, each with its line and the reason. */
  showInvalidRows({ rejected = 0, problems }) {
    if (!problems.length) return;
    const rows = problems.map(({ line, reason }) => tableRow("td", integer(line), reason));
    const head = element("thead", {}, tableRow("th", "line", "why it was skipped"));
    this.add(element("table", {}, head, element("tbody", {}, ...rows)));
    const more = rejected - rows.length;
    if (more > 0) this.add(element("p", { class: "muted" }, `and ${integer(more)} more`));
  }

  showFailure(error) {
    const cancelled = error.name === "AbortError";
    this.words.textContent = cancelled ? "Cancelled. No result was saved." : "";
    setStatus(cancelled ? "The file was cancelled." : "");
    const words = cancelled ? "" : errorSentence(error);
    if (!cancelled) this.end.prepend(element("p", { class: "problem", role: "alert" }, words));
    this.finish(byId("choose-file"));
  }

  add(node) {
    this.end.append(node);
  }

  /** Remove the progress bar; if the focus was there, move it to `next`. */
  finish(next) {
    const hadFocus = this.row.contains(document.activeElement);
    this.row.remove();
    if (hadFocus) next.focus();
  }
}

function tableRow(tag, ...cells) {
  const attributes = tag === "th" ? { scope: "col" } : {};
  return element("tr", {}, ...cells.map((cell) => element(tag, attributes, cell)));
}
