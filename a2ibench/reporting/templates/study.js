"use strict";
(() => {
// A number by its value, a word by its letters; what is missing stands last either way.
const key = (row, column) => {
  const cell = row.cells[column];
  if (cell.dataset.order !== undefined) return Number(cell.dataset.order);
  const text = cell.textContent.trim();
  return text === "–" || text === "" ? null : text;
};
const compare = (a, b) =>
  typeof a === "number" && typeof b === "number"
    ? a - b
    : String(a).localeCompare(String(b), undefined, { numeric: true });
const sort = (table, column, direction) => {
  for (const body of table.tBodies) {
    const rows = [...body.rows];
    for (const row of rows) row.dataset.place ??= String(rows.indexOf(row));
    const keys = new Map(rows.map((row) => [row, key(row, column)]));
    rows.sort((one, other) => {
      const a = keys.get(one), b = keys.get(other);
      const places = Number(one.dataset.place) - Number(other.dataset.place);
      if (direction === "none") return places;
      if (a === null || b === null) return (a === null) - (b === null) || places;
      return (direction === "ascending" ? compare(a, b) : compare(b, a)) || places;
    });
    body.append(...rows);
  }
};
const next = { none: "ascending", ascending: "descending", descending: "none" };
for (const table of document.querySelectorAll("table.sortable")) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const direction = next[head.getAttribute("aria-sort") ?? "none"];
      for (const one of table.tHead.rows[0].cells) one.removeAttribute("aria-sort");
      if (direction !== "none") head.setAttribute("aria-sort", direction);
      table.toggleAttribute("data-sorted", direction !== "none");
      sort(table, column, direction);
    });
  });
}
// Every budget's pictures are there; the sliders choose which of them are seen, all of them alike.
const sliders = [...document.querySelectorAll(".slider")];
const choose = (place) => {
  let name = "";
  for (const slider of sliders) {
    name = slider.dataset.names.split("|")[place];
    const range = slider.querySelector("input");
    range.value = String(place);
    range.setAttribute("aria-valuetext", name);
    slider.querySelector("b").textContent = name;
  }
  for (const part of document.querySelectorAll("[data-budget]")) {
    part.hidden = part.dataset.budget !== name;
  }
};
for (const slider of sliders) {
  const range = slider.querySelector("input");
  slider.hidden = false;
  range.addEventListener("input", () => choose(Number(range.value)));
}
if (sliders.length) choose(Number(sliders[0].querySelector("input").defaultValue));
// One sound at a time.
document.addEventListener("play", (event) => {
  for (const player of document.querySelectorAll("audio")) {
    if (player !== event.target) player.pause();
  }
}, true);
})();
