// What is seen of a file: how far it is, its end, what could not be used.

import { byId, count, counted, make, percent, sentence, tell } from "./dom.js";

let link = null;

export class FileView {
  constructor(fileName, cancel) {
    if (link) URL.revokeObjectURL(link);
    this.section = byId("upload");
    this.bar = make("progress", { max: 1, "aria-label": `Progress of ${fileName}` });
    const button = make("button", { type: "button" }, "Cancel");
    button.addEventListener("click", cancel);
    this.row = make("div", { class: "row" }, this.bar, button);
    this.words = make("p", { class: "soft" }, "Sending…");
    this.end = make("div", { class: "end" });
    const title = make("h2", { id: "upload-title" }, make("bdi", {}, fileName));
    this.section.replaceChildren(title, this.row, this.words, this.end);
    this.section.hidden = false;
  }

  progress({ state, fraction, rows }) {
    if (fraction === null || !rows) this.bar.removeAttribute("value");
    else this.bar.value = fraction;
    if (state !== this.state && state === "running") tell("The file has arrived and is worked on.");
    this.state = state;
    const part = fraction === null ? "" : `, ${percent(fraction)}`;
    const begun = state === "reading" ? "Sending…" : "Working…";
    this.words.textContent = rows ? `${counted(rows, "row")}${part}` : begun;
  }

  done(data, fileName, { rows, unknown, rejected, problems }) {
    link = URL.createObjectURL(data);
    const told = [counted(rows, "row")];
    if (unknown !== null && rows) told.push(`${count(unknown)} unknown (${percent(unknown / rows)})`);
    if (rejected) told.push(`${count(rejected)} left out`);
    this.words.textContent = told.join(" · ");
    const words = ["Download ", make("bdi", {}, fileName)];
    const download = make("a", { href: link, download: fileName, class: "button main" }, ...words);
    this.words.after(make("p", {}, download));
    this.finish(download);
    this.problems({ rejected, problems });
    tell("The file is done and can be downloaded.");
  }

  /** The rows that could not be used, each with its line and the reason. */
  problems({ rejected = 0, problems }) {
    if (!problems.length) return;
    const rows = problems.map(({ line, reason }) => cells("td", count(line), reason));
    const head = make("thead", {}, cells("th", "line", "why it was left out"));
    this.add(make("table", {}, head, make("tbody", {}, ...rows)));
    const more = rejected - rows.length;
    if (more > 0) this.add(make("p", { class: "soft" }, `and ${count(more)} more`));
  }

  failed(error) {
    const cancelled = error.name === "AbortError";
    this.words.textContent = cancelled ? "Cancelled. Nothing was kept." : "";
    tell(cancelled ? "The file was cancelled." : "");
    const problem = make("p", { class: "problem", role: "alert" }, cancelled ? "" : sentence(error));
    if (!cancelled) this.end.prepend(problem);
    this.finish(byId("choose-file"));
  }

  add(node) {
    this.end.append(node);
  }

  /** Take progress away; who was at its button goes on at another one. */
  finish(next) {
    const wasHere = this.row.contains(document.activeElement);
    this.row.remove();
    if (wasHere) next.focus();
  }
}

function cells(tag, ...words) {
  return make("tr", {}, ...words.map((word) => make(tag, tag === "th" ? { scope: "col" } : {}, word)));
}
