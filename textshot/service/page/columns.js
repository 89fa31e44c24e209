// When a file is not read as it was meant: in which other way to send it again.

import { make } from "./dom.js";

const LOOKED_AT = 65_536;
const FORMATS = ["csv", "tsv", "jsonl", "parquet", "xlsx", "txt"];
const ENCODINGS = ["utf-8", "cp1252", "cp1250", "iso-8859-15", "utf-16"];

/** Guess the columns of a file by its first line: only to choose from, the service reads it. */
export async function columnsOf(file) {
  const ending = /\.(csv|tsv|tab|jsonl|ndjson)$/i.exec(file.name)?.[1].toLowerCase();
  if (!ending) return [];
  try {
    const start = (await file.slice(0, LOOKED_AT).text()).replace(/^\uFEFF/, "");
    const [line] = start.split(/\r?\n/, 1);
    if (ending.includes("js")) return Object.keys(JSON.parse(line));
    const mark = ["\t", ";", ","].find((one) => line.includes(one)) ?? ",";
    return line.split(mark).map((cell) => cell.replace(/^"(.*)"$/, "$1")).filter(Boolean);
  } catch {
    return [];
  }
}

/** The form that sends a file again; `again(options)` does it. It is open where that is needed. */
export function optionsOf(columns, open, again) {
  const column = columns.length
    ? choice("as the service finds it", columns)
    : make("input", { dir: "auto", autocomplete: "off" });
  const format = choice("as the name ends", FORMATS);
  const encoding = choice("UTF-8, or by its mark", ENCODINGS);
  const form = make("form", { class: "again" }, labelled("Column with the texts", column));
  form.append(labelled("Format", format), labelled("Encoding", encoding));
  form.append(make("button", {}, "Send again"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const given = { text_column: column.value, format: format.value, encoding: encoding.value };
    again(Object.fromEntries(Object.entries(given).filter(([, value]) => value)));
  });
  return make("details", { open }, make("summary", {}, "Read the file in another way"), form);
}

function choice(first, values) {
  const options = values.map((value) => make("option", { value }, value));
  return make("select", {}, make("option", { value: "" }, first), ...options);
}

const labelled = (words, field) => make("label", {}, make("span", {}, words), field);
