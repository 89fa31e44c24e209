"use strict";
// Point at a dot to see its text; click a name to see only the dots of this category.
const picture = document.querySelector("svg.map");
const hint = document.querySelector(".hint");
const FINGER = 14; // pixels
let selected = null;

for (const dot of picture.querySelectorAll("[data-row]")) {
  const title = dot.querySelector("title");
  if (!title) continue;
  [dot.head, dot.body] = title.textContent.split("\n");
  title.remove(); // or the browser would show it, too
}

function nearest(event) {
  if (event.target.head) return event.target;
  let best = null;
  let least = FINGER;
  for (const dot of picture.querySelectorAll("[data-row]:not(.off)")) {
    if (!dot.head) continue;
    const box = dot.getBoundingClientRect();
    const distance = Math.hypot(box.x + box.width / 2 - event.clientX, box.y + box.height / 2 - event.clientY);
    if (distance < least) [best, least] = [dot, distance];
  }
  return best;
}

function show(event) {
  const dot = nearest(event);
  hint.hidden = !dot;
  if (!dot) return;
  hint.querySelector("b").textContent = dot.head;
  hint.querySelector("span").textContent = dot.body || "";
  const frame = hint.parentElement.getBoundingClientRect();
  const [x, y] = [event.clientX - frame.left, event.clientY - frame.top];
  const fits = y + 18 + hint.offsetHeight < frame.height;
  hint.style.left = `${Math.max(0, Math.min(x + 14, frame.width - hint.offsetWidth - 4))}px`;
  hint.style.top = `${fits ? y + 18 : y - hint.offsetHeight - 12}px`;
}

picture.addEventListener("pointermove", show);
picture.addEventListener("pointerdown", show);
picture.addEventListener("pointerleave", () => { hint.hidden = true; });

for (const button of document.querySelectorAll(".names button")) {
  button.addEventListener("click", () => {
    const row = button.parentElement.dataset.row;
    selected = selected === row ? null : row;
    for (const part of document.querySelectorAll("[data-row]")) {
      part.classList.toggle("off", selected !== null && part.dataset.row !== selected);
    }
    for (const other of document.querySelectorAll(".names button")) {
      other.setAttribute("aria-pressed", String(other.parentElement.dataset.row === selected));
    }
  });
}
