// Options for reading a file again, when it was not read as intended.

import { element } from "./dom.js";

const MAX_BYTES = 65_536;
const FORMATS = ["csv", "tsv", "jsonl", "parquet", "xlsx", "txt"];
const ENCODINGS = ["utf-8", "cp1252", "cp1250", "iso-8859-15", "utf-16"];

/** Guess the columns of a file from its first line; they are suggestions only. */
export async function guessColumns(file) {
  const extension = /\.(csv|tsv|tab|jsonl|ndjson)$/i.exec(file.name)?.[1].toLowerCase();
  if (!extension) return [];
  try {
    const start = (await file.slice(0, MAX_BYTES).text()).replace(/^\uFEFF/, "");
    const [line] = start.split(/\r?\n/, 1);
    if (extension.includes("js")) return Object.keys(JSON.parse(line));
    const delimiter = ["\t", ";", ","].find((candidate) => line.includes(candidate)) ?? ",";
    return line.split(delimiter).map((cell) => cell.replace(/^"(.*)"$/, "$1")).filter(Boolean);
  } catch {
    return [];
  }
}

/** The form that sends a file again by calling `resend(options)`. */
export function fileOptions(columns, open, resend) {
  const column = columns.length
    ? selection("automatic", columns)
    : element("input", { dir: "auto", autocomplete: "off" });
  const format = selection("from the file name", FORMATS);
  const encoding = selection("automatic (UTF-8)", ENCODINGS);
  const form = element("form", { class: "file-options" }, labelled("Text column", column));
  form.append(labelled("Format", format), labelled("Encoding", encoding));
  form.append(element("button", {}, "Send again"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const options = { text_column: column.value, format: format.value, encoding: encoding.value };
    resend(Object.fromEntries(Object.entries(options).filter(([, value]) => value)));
  });
  return element("details", { open }, element("summary", {}, "Read the file differently"), form);
}

function selection(first, values) {
  const options = values.map((value) => element("option", { value }, value));
  return element("select", {}, element("option", { value: "" }, first), ...options);
}

const labelled = (words, field) => element("label", {}, element("span", {}, words), field);
