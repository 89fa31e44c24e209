// The form for an API key.

import { byId, errorSentence } from "./dom.js";

let pending = null;

/** Return an API key from the user; requests that wait at the same time share one form. */
export function requestKey(message) {
  pending ??= new Promise((resolve) => {
    const form = byId("key");
    const field = byId("key-value");
    byId("key-problem").textContent = errorSentence({ message });
    form.hidden = false;
    field.focus();
    form.addEventListener("submit", function onSubmit(event) {
      event.preventDefault();
      const key = field.value.trim();
      if (!/^[\x21-\x7e]+$/.test(key)) {
        byId("key-problem").textContent = "A key has letters, digits and symbols, without spaces.";
        return;
      }
      form.removeEventListener("submit", onSubmit);
      form.hidden = true;
      field.value = "";
      pending = null;
      resolve(key);
      byId("texts").focus();
    });
  });
  return pending;
}
