"use strict";
// The page says everything without this script. It adds: the copy button, one configuration followed through all
// sections, a filter, names on hovering, and opens what is folded for printing.
const data = JSON.parse(document.getElementById("configurations-data")?.textContent ?? '{"keys":[],"rows":[]}');
const [NAME, ID, STATE, SCORE, VALUES] = [0, 1, 2, 3, 4];
const linked = [...document.querySelectorAll("[data-c]")];
const follow = document.getElementById("follow");
const filter = document.getElementById("filter");
const kept = (() => {
  try { return JSON.parse(sessionStorage.getItem(location.pathname) ?? "{}"); } catch { return {}; }
})();

function remember(change) {
  Object.assign(kept, change);
  try { sessionStorage.setItem(location.pathname, JSON.stringify(kept)); } catch { /* private mode */ }
}

for (const button of document.querySelectorAll("[data-copy]")) {
  const text = document.getElementById(button.dataset.copy);
  const said = button.parentElement.querySelector(".copied");
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text.textContent);
      said.textContent = "Copied.";
    } catch {
      getSelection().selectAllChildren(text);
      said.textContent = "Selected: copy it with Ctrl+C or ⌘C.";
    }
  });
}

// -- one configuration through all sections --------------------------------------------------------------------

function pick(place) {
  for (const element of linked) {
    const is = element.dataset.c === place;
    element.classList.toggle("picked", is);
    // What is followed lies on top; a figure's marks have no other order than that of the document.
    if (is && element.ownerSVGElement && element.tagName !== "g") element.parentNode.append(element);
  }
  const row = data.rows[place];
  document.getElementById("followed").textContent = row === undefined ? "" : about(row);
  follow.value = row === undefined ? "" : place;
  remember({ id: row?.[ID] ?? "" });
}

function about(row) {
  const settings = data.keys.map((key, place) => `${key} = ${row[VALUES + place]}`);
  return [`${row[NAME]} (${row[ID]}): ${row[SCORE] || row[STATE]}`, ...settings].join(" · ");
}

// -- filter ----------------------------------------------------------------------------------------------------

// Words stand in name, id or state; `key=value`, `key<1`, `key>=1` ask for a setting of that name. The last part of a
// dotted name is enough; where it is that of several settings, one of them has to fit.
function fits(row, words) {
  return words.every((word) => {
    const asked = word.match(/^([^<>=]+)(<=|>=|=|<|>)(.+)$/);
    if (!asked) return [row[NAME], row[ID], row[STATE]].some((text) => text.toLowerCase().includes(word));
    const [, key, sign, wanted] = asked;
    return data.keys.some((name, place) => {
      const has = row[VALUES + place];
      if (!`.${name.toLowerCase()}`.endsWith(`.${key}`)) return false;
      if (sign === "=") return has.toLowerCase() === wanted || Number(has) === Number(wanted);
      const gap = Number(has) - Number(wanted);
      return sign[0] === "<" ? gap < 0 || (sign === "<=" && gap === 0) : gap > 0 || (sign === ">=" && gap === 0);
    });
  });
}

function narrow() {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = data.rows.map((row) => fits(row, words));
  for (const element of linked) element.classList.toggle("out", !shown[element.dataset.c]);
  const count = shown.filter(Boolean).length;
  document.getElementById("filter-said").textContent = words.length ? `${count} of ${shown.length} shown` : "";
  remember({ filter: filter.value });
}

if (follow && data.rows.length) {
  document.documentElement.classList.add("scripted");
  document.querySelector(".tools").hidden = false;
  follow.addEventListener("change", () => pick(follow.value));
  filter.addEventListener("input", narrow);
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && follow.value) pick("");
  });
  document.addEventListener("click", (event) => {
    const element = event.target.closest("[data-c]");
    if (element && !event.target.closest("a")) pick(element.classList.contains("picked") ? "" : element.dataset.c);
  });
  filter.value = kept.filter ?? "";
  narrow();
  const place = data.rows.findIndex((row) => row[ID] === kept.id); // ranks may have changed
  if (place >= 0) pick(String(place));
}

// -- names on hovering -----------------------------------------------------------------------------------------

const hover = document.getElementById("hover");
document.addEventListener("pointerover", (event) => {
  const mark = event.target.closest("svg [data-c]");
  const row = mark && !mark.querySelector("title") && !event.target.querySelector("title") && data.rows[mark.dataset.c];
  hover.hidden = !row;
  if (!row) return;
  hover.textContent = `${row[NAME]} · ${row[SCORE]}`;
  const box = mark.getBoundingClientRect();
  const left = Math.min(box.left + scrollX, scrollX + document.documentElement.clientWidth - hover.offsetWidth - 4);
  hover.style.left = `${Math.max(4, left)}px`;
  hover.style.top = `${box.top + scrollY - hover.offsetHeight - 6}px`;
});

addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details:not(.warning)")) details.open = true;
});

// While a search runs the page is written anew; what is followed and filtered is kept.
const seconds = Number(document.body.dataset.reload);
if (seconds) {
  setTimeout(function again() {
    if (document.activeElement === filter) setTimeout(again, 1000 * seconds);
    else location.reload();
  }, 1000 * seconds);
}
