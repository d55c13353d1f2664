{% include "study.js" %}
(() => {
const form = document.querySelector("#filters");
const boards = [...document.querySelectorAll("section.board")];
const told = document.querySelector("#shown");
const filter = () => {
  const wanted = [...form.elements].filter((one) => one.value !== "");
  let shown = 0;
  for (const board of boards) {
    board.hidden = !wanted.every((one) => board.dataset[one.name] === one.value);
    document.querySelector(`nav a[href="#${board.id}"]`).parentElement.hidden = board.hidden;
    shown += !board.hidden;
  }
  told.textContent = shown
    ? `${shown} of ${boards.length} shown`
    : `None of ${boards.length} is like that`;
};
form.hidden = false;
form.addEventListener("change", filter);
form.addEventListener("reset", () => setTimeout(filter));
filter();  // a browser may remember what was chosen
})();
