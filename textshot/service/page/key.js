// The form that asks for an API key.

import { byId, sentence } from "./dom.js";

let asked = null;

/** Ask for a key, once for all requests that wait for one; return it. */
export function askForKey(message) {
  asked ??= new Promise((resolve) => {
    const form = byId("key");
    const field = byId("key-value");
    byId("key-problem").textContent = sentence({ message });
    form.hidden = false;
    field.focus();
    form.addEventListener("submit", function take(event) {
      event.preventDefault();
      const key = field.value.trim();
      if (!/^[\x21-\x7e]+$/.test(key)) {
        byId("key-problem").textContent = "A key has letters, digits and signs, and no spaces.";
        return;
      }
      form.removeEventListener("submit", take);
      form.hidden = true;
      field.value = "";
      asked = null;
      resolve(key);
      byId("texts").focus();
    });
  });
  return asked;
}
