"use strict";
// Elements from data. A string always becomes a text node, so nothing in the data is ever read as HTML.
const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "style") Object.assign(node.style, value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(3)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}
const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const s = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

function seconds(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size === 0) return "0s";
  if (size < 1) return `${+(value * 1000).toPrecision(3)}ms`;
  if (size < 120) return `${+value.toPrecision(4)}s`;
  return size < 3600 ? `${+(value / 60).toFixed(1)}min` : `${+(value / 3600).toFixed(2)}h`;
}
const percent = (value) => `${+(value * 100).toFixed(2)}%`;
const count = (value) => (value === null || value === undefined ? "–" : value.toLocaleString("en"));
const usd = (value) => {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "$0";
  const size = Math.abs(value), sign = value < 0 ? "−$" : "$";
  return size >= 1000 ? `${sign}${Math.round(size).toLocaleString("en")}` : `${sign}${+size.toPrecision(3)}`;
};
const plural = (number, one, many) => `${count(number)} ${number === 1 ? one : many || `${one}s`}`;

function section(id, title, intro, ...content) {
  return h("section", { id, "aria-labelledby": `${id}-title` }, h("h2", { id: `${id}-title` }, title),
    intro && h("p", { class: "soft" }, intro), content);
}

// A table: columns are [heading, row => cell, class]; the first column is the row's heading.
function table(caption, columns, rows) {
  // The name stands outside what scrolls sideways, so that a phone shows all of it.
  return h("div", {}, caption && h("h3", {}, caption), h("div", { class: "scroll" }, h("table", { "aria-label": caption },
    h("thead", {}, h("tr", {}, columns.map(([head, , kind]) => h("th", { scope: "col", class: kind }, head)))),
    h("tbody", {}, rows.map((row) => h("tr", {},
      columns.map(([, cell, kind], index) => index === 0
        ? h("th", { scope: "row", class: kind }, cell(row))
        : h("td", { class: kind }, cell(row)))))))));
}

const facts = (rows, kind) => h("dl", { class: kind || "facts" }, rows.map(([name, ...text]) => h("div", { style: kind ? null : { display: "contents" } }, h("dt", {}, name), h("dd", {}, text))));

// What is folded away is made when it is opened: a long run's table of every step is most of the page otherwise.
function folded(summary, make) {
  const box = h("details", {}, h("summary", { class: "small soft" }, summary));
  box.addEventListener("toggle", () => { if (box.open && box.children.length === 1) box.append(make()); });
  return box;
}

function legend(head, names, color) {
  return h("ul", { class: "legend" }, h("li", { class: "head" }, head), names.map((name) =>
    h("li", {}, h("i", { style: { background: color(name) } }), name)));
}

// A block of text to be copied; where the browser keeps the clipboard to itself, it is selected instead.
function copyable(text) {
  // A line may end before an option, never inside its name.
  const parts = text.split(/(--[a-z-]+)/).map((part, index) => (index % 2 ? h("span", { class: "nowrap" }, part) : part));
  const block = h("pre", { tabindex: 0 }, parts), button = h("button", { type: "button" }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(block);
      button.textContent = "Selected";
    }
  });
  return h("div", { class: "copy" }, block, button);
}

// A drawing at the width it has on the screen, so that its text is as large as the page's; drawn again when that changes.
function responsive(draw, least) {
  const box = h("div", { class: "drawing" });
  let width = 0;
  new ResizeObserver(() => {
    const now = Math.max(Math.round(box.clientWidth), least || 280);
    if (!box.clientWidth || now === width) return;
    width = now;
    box.replaceChildren(draw(width));
  }).observe(box);
  return box;
}

const OUTCOME_COLORS = {
  ok: "--ok", late: "--late", error: "--error", refused: "--refused", hung: "--hung", stitched: "--silent",
  foreign: "--silent", corrupted: "--silent", truncated: "--silent", shortened: "--silent", unsent: "--none", unknown: "--none",
};
const outcomeColor = (name) => `var(${OUTCOME_COLORS[name] || "--none"})`;

function providerColor(data) {
  const names = Object.keys(data.timeline.served);
  return (name) => `var(--p${Math.max(names.indexOf(name), 0) % 6})`;
}

const MINUTES = [15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];

// Round values; of a time that is long, round minutes and hours.
function ticks(from, until, most, time) {
  const rough = (until - from) / most;
  const power = 10 ** Math.floor(Math.log10(rough || 1));
  const step = (time && rough > 10 && MINUTES.find((each) => each >= rough)) || [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough) || power;
  const found = [];
  for (let at = Math.ceil(from / step - 1e-9) * step; at <= until + step * 1e-6; at += step) found.push(+at.toFixed(9));
  return found;
}
