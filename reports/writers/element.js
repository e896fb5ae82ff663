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
  if (size < 1) return `${+(value * 1000).toPrecision(3)}ms`;
  return `${+value.toPrecision(4)}s`;
}
const percent = (value) => `${+(value * 100).toFixed(2)}%`;
const count = (value) => value.toLocaleString("en");
const usd = (value) => (value === null ? "–" : value === 0 ? "$0" : `$${+value.toPrecision(4)}`);

// A table: columns are [heading, row => cell, class]; the first column is the row's heading.
function table(caption, columns, rows, rowClass) {
  return h("div", { class: "scroll" }, h("table", {},
    caption && h("caption", {}, caption),
    h("thead", {}, h("tr", {}, columns.map(([head, , kind]) => h("th", { scope: "col", class: kind }, head)))),
    h("tbody", {}, rows.map((row) => h("tr", { class: rowClass ? rowClass(row) : null },
      columns.map(([, cell, kind], index) => index === 0
        ? h("th", { scope: "row", class: kind }, cell(row))
        : h("td", { class: kind }, cell(row))))))));
}

function legend(names, color) {
  return h("ul", { class: "legend" }, names.map((name) =>
    h("li", {}, h("i", { style: { background: color(name) } }), name)));
}
