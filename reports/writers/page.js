// The page put together, its bar, and what printing needs.
const page = document.getElementById("page");
page.replaceChildren(...[hero(), expectations(), fixes(), timeline(), failover(), integrity(), phases(), costs(), worst(), coverage(), checks(), measures(), repeat()].flat().filter(Boolean));

const NAMES = { expectations: "Expected", fix: "Fix", timeline: "Timeline", failover: "Failover", integrity: "Answers", phases: "Latency", cost: "Cost", worst: "Worst calls", coverage: "Faults", checks: "Trust", measures: "Measures", repeat: "Repeat" };
const theme = h("button", { type: "button", "aria-label": "Colours: auto", title: "Colours: auto" }, "◐");
theme.addEventListener("click", () => {
  const order = ["auto", "light", "dark"], next = order[(order.indexOf(document.documentElement.dataset.theme || "auto") + 1) % 3];
  if (next === "auto") delete document.documentElement.dataset.theme; else document.documentElement.dataset.theme = next;
  theme.title = `Colours: ${next}`;
  theme.setAttribute("aria-label", theme.title);
});
document.getElementById("bar").replaceChildren(h("div", {}, h("span", { class: "brand" }, "banstorm"),
  h("nav", { "aria-label": "Sections" }, Object.entries(NAMES).filter(([id]) => document.getElementById(id)).map(([id, name]) => h("a", { href: `#${id}` }, name))), theme));
document.getElementById("foot").replaceChildren(`banstorm ${data.run.banstorm} · ${data.run.target} · seed ${data.run.seed} · ${data.run.started.slice(0, 19).replace("T", " ")} · beside this page: report.json, summary.md, junit.xml, tables/, ledger/, and charts/ if drawn`);

// On paper what is folded is open, but for the long lists; and as it was afterwards.
let closed = [];
window.addEventListener("beforeprint", () => { closed = [...document.querySelectorAll("details:not([open])")].filter((each) => !each.closest("#measures, #timeline, #worst")); for (const each of closed) each.open = true; });
window.addEventListener("afterprint", () => { for (const each of closed) each.open = false; });

document.title = `${data.verdict}: ${data.run.title} · banstorm`;
document.documentElement.dataset.ready = "true";
