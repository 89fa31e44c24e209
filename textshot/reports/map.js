"use strict";
// Hover shows the text, a click on a name keeps its texts, wheel and drag move the picture.
const picture = document.querySelector("svg.map");
const box = document.querySelector(".hint");
const whole = picture.viewBox.baseVal;
const size = { width: whole.width, height: whole.height };
let view = { x: 0, y: 0, zoom: 1 };
let kept = null;

for (const mark of picture.querySelectorAll("[data-row]")) {
  const title = mark.querySelector("title");
  if (!title) continue;
  [mark.head, mark.said] = title.textContent.split("\n");
  title.remove(); // or the browser would show it as well
}

function show(mark, x, y) {
  box.querySelector("b").textContent = mark.head;
  box.querySelector("span").textContent = mark.said || "";
  box.hidden = false;
  const frame = box.parentElement.getBoundingClientRect();
  const left = Math.min(x - frame.left + 14, frame.width - box.offsetWidth - 4);
  const below = y - frame.top + 18;
  const fits = below + box.offsetHeight < frame.height;
  box.style.left = `${Math.max(0, left)}px`;
  box.style.top = `${fits ? below : y - frame.top - box.offsetHeight - 12}px`;
}

function nearest(event) {
  // The mark under the pointer, or the nearest one within a finger's breadth.
  if (event.target.head) return event.target;
  let best = null;
  let least = 14;
  for (const mark of picture.querySelectorAll("[data-row]:not(.off)")) {
    if (!mark.head) continue;
    const at = mark.getBoundingClientRect();
    const away = Math.hypot(at.x + at.width / 2 - event.clientX, at.y + at.height / 2 - event.clientY);
    if (away < least) [best, least] = [mark, away];
  }
  return best;
}

function only() {
  const words = document.querySelector("#find").value.trim().toLowerCase();
  for (const mark of document.querySelectorAll("svg.map [data-row], .names [data-row]")) {
    const other = kept !== null && mark.dataset.row !== kept;
    const silent = words && mark.matches(".t, .e") && !`${mark.head} ${mark.said}`.toLowerCase().includes(words);
    mark.classList.toggle("off", Boolean(other || silent));
  }
  for (const name of document.querySelectorAll(".names button")) {
    name.setAttribute("aria-pressed", String(name.parentElement.dataset.row === kept));
  }
}

function look() {
  const room = { width: size.width / view.zoom, height: size.height / view.zoom };
  view.x = Math.min(Math.max(view.x, 0), size.width - room.width);
  view.y = Math.min(Math.max(view.y, 0), size.height - room.height);
  picture.setAttribute("viewBox", `${view.x} ${view.y} ${room.width} ${room.height}`);
  picture.style.setProperty("--zoom", view.zoom);
  picture.classList.toggle("near", view.zoom > 2);
}

function zoom(factor, share = { x: 0.5, y: 0.5 }) {
  const before = view.zoom;
  view.zoom = Math.min(Math.max(before * factor, 1), 30);
  const gained = 1 / before - 1 / view.zoom;
  view.x += share.x * size.width * gained;
  view.y += share.y * size.height * gained;
  look();
}

picture.addEventListener("wheel", (event) => {
  if (!event.ctrlKey && !event.metaKey && view.zoom === 1 && event.deltaY > 0) return; // scroll on
  event.preventDefault();
  const frame = picture.getBoundingClientRect();
  const share = { x: (event.clientX - frame.left) / frame.width, y: (event.clientY - frame.top) / frame.height };
  zoom(event.deltaY < 0 ? 1.25 : 0.8, share);
}, { passive: false });

let from = null;
picture.addEventListener("pointerdown", (event) => { from = { x: event.clientX, y: event.clientY }; });
addEventListener("pointerup", () => { from = null; });
picture.addEventListener("pointermove", (event) => {
  if (from && event.buttons) {
    const frame = picture.getBoundingClientRect();
    view.x -= ((event.clientX - from.x) / frame.width) * (size.width / view.zoom);
    view.y -= ((event.clientY - from.y) / frame.height) * (size.height / view.zoom);
    from = { x: event.clientX, y: event.clientY };
    look();
    return;
  }
  const mark = nearest(event);
  if (mark) show(mark, event.clientX, event.clientY);
  else box.hidden = true;
});
picture.addEventListener("pointerleave", () => { box.hidden = true; });

for (const name of document.querySelectorAll(".names button")) {
  name.addEventListener("click", () => {
    kept = kept === name.parentElement.dataset.row ? null : name.parentElement.dataset.row;
    only();
  });
}
document.querySelector("#find").addEventListener("input", only);
document.querySelector("#nearer").addEventListener("click", () => zoom(1.6));
document.querySelector("#farther").addEventListener("click", () => zoom(0.625));
document.querySelector("#all").addEventListener("click", () => { view = { x: 0, y: 0, zoom: 1 }; look(); });
document.querySelector(".tools").hidden = false;
