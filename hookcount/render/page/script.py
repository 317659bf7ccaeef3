"""The JavaScript of a page. Without it, rows open, tabs change and links lead to their rows.

Names of modules are text for it, and never markup.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode

SCRIPT = r"""(() => {
"use strict";
const all = (what, inside = document) => [...inside.querySelectorAll(what)];
const one = (what, inside = document) => inside.querySelector(what);
const doc = document.documentElement;
all(".needs-script").forEach(e => e.hidden = false);

const theme = one("[data-do=theme]");
if (theme) theme.onclick = () => {
  const dark = doc.dataset.theme ? doc.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme:dark)").matches;
  doc.dataset.theme = dark ? "light" : "dark";
};

const tree = one(".hookcount");
if (!tree) return;
const head = one(".head", tree), folds = all("details", tree);
const rows = all("p,summary", tree).filter(row => row !== head);
const item = row => row.tagName === "SUMMARY" ? row.parentElement : row;
const above = row => {
  const fold = item(row).parentElement.closest("details");
  return fold && fold.firstElementChild;
};
const path = new Map(), kind = new Map();
rows.forEach(row => {
  const name = row.children[0].firstChild, up = above(row), before = up && path.get(up);
  const text = name ? name.textContent : "";
  path.set(row, up && above(up) ? before + "." + text : text);
  kind.set(row, row.children[1].textContent.toLowerCase());
});

// open and close
const first = folds.map(fold => fold.open);
const put = states => folds.forEach((fold, at) => fold.open = states[at]);
const on = (name, work) => one(`[data-do=${name}]`).onclick = work;
on("first", () => { clear(); put(first); });
on("open", () => put(folds.map(() => true)));
on("close", () => put(folds.map((_, at) => at === 0)));

// filter: rows that have the words, the rows above them, and the rows beneath them, closed
const box = one("[type=search]"), found = one("[data-is=found]");
let before = null;
const filter = () => {
  const words = box.value.trim().toLowerCase();
  found.textContent = "";
  if (!words) {
    rows.forEach(row => item(row).hidden = false);
    if (before) put(before);
    before = null;
    return;
  }
  before = before || folds.map(fold => fold.open);
  const has = new Map(), inside = new Map(), kept = new Set(), led = new Set();
  let hits = 0;
  rows.forEach(row => {
    const up = above(row), own = path.get(row).toLowerCase().includes(words);
    has.set(row, own);
    const hit = kind.get(row).includes(words) || own && !(up && has.get(up));
    inside.set(row, hit || !!up && inside.get(up));
    if (inside.get(row)) kept.add(row);
    if (!hit) return;
    hits++;
    for (let at = up; at && !led.has(at); at = above(at)) { led.add(at); kept.add(at); }
  });
  rows.forEach(row => {
    item(row).hidden = !kept.has(row);
    if (row.tagName === "SUMMARY") row.parentElement.open = led.has(row);
  });
  found.textContent = hits === 1 ? "1 row" : `${hits} rows`;
};
const clear = () => { box.value = ""; filter(); };
box.oninput = filter;
box.onkeydown = event => { if (event.key === "Escape") clear(); };

// sort the rows beneath each row
const groups = all("details>div", tree).map(group => [group, [...group.children]]);
const figures = row => row.dataset.of.split(" ");
const figure = (child, at) => Number(figures(
  child.tagName === "DETAILS" ? child.firstElementChild : child)[at]);
let by = null;
const buttons = all("[data-by]", head).map(cell => {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = cell.textContent;
  button.title = "Sort the rows beneath each row by this figure of all modules";
  cell.replaceChildren(button);
  button.onclick = () => {
    by = by === cell.dataset.by ? null : cell.dataset.by;
    buttons.forEach(each => each.setAttribute("aria-pressed", each === button && by !== null));
    groups.forEach(([group, children]) => group.append(...(by === null ? children
      : [...children].sort((a, b) => figure(b, by) - figure(a, by)))));
  };
  button.setAttribute("aria-pressed", false);
  return button;
});

// copy what is in view as lines of cells
const titles = all("i", head), last = titles.length - 1;
const plain = titles.map((_, at) => at).filter(at => at < last && !titles[at].dataset.by);
const harmless = text => {
  const flat = text.replace(/[\t\r\n]+/g, " ");
  return /^[=+\-@']/.test(flat) ? "'" + flat : flat;
};
const line = row => {
  const texts = plain.slice(1).map(at => row.children[at].textContent);
  return [...[path.get(row), ...texts].map(harmless), ...figures(row)].join("\t");
};
const copied = () => {
  const texts = plain.map(at => titles[at].textContent || "modules");
  const named = titles.filter(cell => cell.dataset.by).map(cell => cell.textContent + " of all");
  const shown = all("p,summary", tree).filter(row => row !== head && row.checkVisibility());
  return [[...texts, ...named, "own FLOPs of all"].map(harmless).join("\t"),
    ...shown.map(line)];
};
on("copy", async event => {
  const button = event.currentTarget, lines = copied(), text = lines.join("\n") + "\n";
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    button.focus();
  }
  found.textContent = `${lines.length - 1} rows copied`;
});

// the picture: a cell fills the width, and its row is marked
let marked = null;
const mark = row => {
  if (marked) marked.classList.remove("at");
  marked = row;
  if (!row) return;
  if (!row.checkVisibility()) {
    clear();
    for (let up = above(row); up; up = above(up)) up.parentElement.open = true;
  }
  row.classList.add("at");
};
all(".icicle").forEach(view => {
  const inner = one(".cells", view), cells = all("a", inner), said = one("[data-is=said]", view);
  const get = (cell, name) => Number(cell.style.getPropertyValue(name));
  let now = cells[0];
  const zoom = cell => {
    now = cell;
    const left = get(cell, "--x"), width = get(cell, "--w");
    inner.style.width = 1e4 / width + "%";
    inner.style.left = -100 * left / width + "%";
    cells.forEach(each => {
      const gone = (left - get(each, "--x")) / width;
      each.style.setProperty("--gone", Math.max(0, 100 * gone));  // its name stays in view
    });
    said.textContent = "";
    if (cell !== cells[0]) {
      const link = document.createElement("a");
      link.href = cell.hash;
      link.textContent = "Go to its row";
      said.append(cell.title + " ", link);
    }
    mark(cell === cells[0] ? null : document.getElementById(cell.hash.slice(1)));
  };
  const move = (cell, to) => {
    if (!to) return;
    cell.tabIndex = -1;
    to.tabIndex = 0;
    to.focus({preventScroll: true});
  };
  const level = cell => get(cell, "--d");
  cells.forEach((cell, at) => {
    cell.onclick = event => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      zoom(cell === now ? cells[0] : cell);
    };
    cell.onkeydown = event => {
      const beside = each => level(each) === level(cell);
      const to = {
        ArrowRight: () => cells.slice(at + 1).find(beside),
        ArrowLeft: () => cells.slice(0, at).reverse().find(beside),
        ArrowUp: () => cells.slice(0, at).reverse().find(each => level(each) < level(cell)),
        ArrowDown: () => cells[at + 1] && level(cells[at + 1]) > level(cell) && cells[at + 1],
      }[event.key];
      if (to) { event.preventDefault(); move(cell, to()); }
      if (event.key === "Escape") zoom(cells[0]);
    };
  });
});
})();"""

ALLOWED = f"'sha256-{b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()}'"
"""What a page's policy says of scripts: this one runs, and no other."""
