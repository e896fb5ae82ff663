// A run while it goes on. The server sends "state", all there is, and "step", what changed; the page ends as the report.
const PHASES = { starting: "starting", running: "running", draining: "last answers", reporting: "judging", over: "over", lost: "connection lost" };
const TONES = { pass: "good", fail: "bad" };
const ROWS_MAX = 8, NEWS_ROWS_MAX = 100;  // rows of faults (as lanes.js draws them) and of news
const view = { doc: null, width: 0, lost: false, seen: 0, kept: new Map() };

const box = (id, tag, attributes) => h(tag || "div", { id, ...attributes });
const status = box("phase", "span", { class: "pill", role: "status" }), about = h("span", {});
const title = h("h1", {}), story = h("p", { class: "soft" }), cards = box("cards", "div", { class: "cards" });
const chart = box("chart", "div", { class: "chart" }), keys = box("keys"), providers = box("providers", "div", { class: "card" });
const news = box("news", "ol", { class: "mono small", style: { listStyle: "none", margin: 0, padding: 0, whiteSpace: "pre-wrap", overflowWrap: "anywhere" } });
const note = box("note", "p", { class: "soft small" }), ended = box("ended"), together = box("together"), hero = h("section", { class: "hero inconclusive", id: "now", "aria-label": "The run" }, h("div", { class: "kicker" }, status, about), title, story, note);
hero.style.setProperty("--tone", "var(--accent)");
hero.style.setProperty("--tone-bg", "var(--card)");
const running = box("running", "div", {}, "");
running.append(cards, section("timeline", "Timeline", "Each bar is drawn as it happens; the shaded spans are the faults that the scenario declares.", h("div", { class: "card" }, keys, chart)),
  section("asked", "Providers", null, providers), section("happened", "What happened", null, h("div", { class: "card" }, news)));
document.getElementById("page").replaceChildren(hero, together, running, ended);

const theme = h("button", { type: "button", "aria-label": "Colours: auto", title: "Colours: auto" }, "◐");
theme.addEventListener("click", () => {
  const order = ["auto", "light", "dark"], next = order[(order.indexOf(document.documentElement.dataset.theme || "auto") + 1) % 3];
  if (next === "auto") delete document.documentElement.dataset.theme; else document.documentElement.dataset.theme = next;
  theme.title = `Colours: ${next}`;
  theme.setAttribute("aria-label", theme.title);
});
document.getElementById("bar").replaceChildren(h("div", {}, h("span", { class: "brand" }, "banstorm"), h("nav", { "aria-label": "Page" }, h("span", { class: "soft" }, "live")), theme));

// The stream's data in the shape that the report's lanes are drawn from.
function dataOf(run) {
  return { timeline: { ...run.timeline, usd: [], usd_by: {} }, episodes: [{ windows: run.windows }] };
}

function drawChart(run) {
  const width = view.width, small = width < 560, left = small ? 50 : 58, right = width - (small ? 8 : 14);
  const line = run.timeline, end = line.step_s * line.steps, data = dataOf(run);
  const lanes = lanesOf(data).slice(0, 4), rows = faultRows(data);
  lanes[0].unit = small ? "calls that ended" : `calls that ended each ${seconds(line.step_s)}`;
  lanes[3].unit = small ? "p95 dashed" : "what ended in the last 2 s, p95 dashed";
  const high = 22, top = 4 + high * Math.min(rows.length, ROWS_MAX) + 22, gap = 34;
  const height = top + lanes.reduce((sum, lane) => sum + lane.height + gap, 0) - gap + 26, bottom = height - 26;
  const x = (at) => left + (at / end) * (right - left);
  const frame = { first: 0, last: line.steps, left, right, x, step_s: line.step_s };
  const parts = drawFaults(rows, { left, right, top: 4, bottom, x, high, font: 7.1 });
  let at = top;
  for (const lane of lanes) { parts.push(drawLane(lane, { ...frame, top: at })); at += lane.height + gap; }
  for (const tick of ticks(0, end, small ? 5 : 10, true)) {
    const name = seconds(tick), over = x(tick) + name.length * 3.4 > width;
    parts.push(s("text", { x: over ? width : x(tick), y: height - 6, "text-anchor": over ? "end" : "middle" }, name));
  }
  const now = run.now.at_s;
  if (now !== null && now >= 0 && now <= end) parts.push(s("line", { class: "cross", x1: x(now), x2: x(now), y1: 4, y2: bottom }));
  const label = "Calls, answers, requests and latency so far; the numbers of now stand in the table below";
  chart.replaceChildren(s("svg", { role: "img", "aria-label": label, viewBox: `0 0 ${width} ${height}` }, parts));
  const color = providerColor(data);
  keys.replaceChildren(legend("Calls", lanes[0].series.map(([name]) => name), outcomeColor), legend("Providers", Object.keys(line.served), color));
}

function drawRun(run) {
  const now = run.now, load = now.load, lost = (load.ended || 0) - (load.good || 0);
  about.textContent = `${run.target}, seed ${run.seed}${view.doc.planned > 1 ? `, run ${run.number} of ${view.doc.planned}` : ""}`;
  title.textContent = run.title;
  story.textContent = run.story;
  const at = now.at_s === null ? "no call yet" : now.at_s < 0 ? "warming up" : `${seconds(Math.round(Math.min(now.at_s, run.length_s)))} of ${seconds(run.length_s)}`;
  const card = (name, value, small, tone) => h("div", { class: "card" }, h("div", { class: "label" }, name), h("div", { class: `number ${tone || ""}` }, value), h("div", { class: "small soft" }, small));
  const known = load.ended !== undefined;
  cards.replaceChildren(card("Time", at, "of the load"), card("Calls", known ? count(load.due) : "–", known ? `due so far, ${count(load.in_flight)} under way` : "due so far"),
    card("Right answers", known ? count(load.good) : "–", known && load.ended ? `${percent(load.good / load.ended)} of those that ended` : "of those that ended"),
    card("Not right", known ? count(lost) : "–", "failed, late or wrong; the report tells which", lost > 0 ? "bad" : ""),
    card("p95", load.p95_ms === null || !known ? "–" : seconds(load.p95_ms / 1000), "of the last 2 s"));
  const of = (name) => now.providers[name] || {}, none = (value, text) => (value === null || value === undefined ? "–" : text(value));
  const active = (name) => of(name).active || [];
  providers.replaceChildren(table("", [
    ["provider", (name) => name], ["standing", (name) => h("span", { class: `tag ${active(name).length ? "bad" : "good"}` }, active(name).length ? "fault" : "healthy")],
    ["share", (name) => none(of(name).share, (value) => `${Math.round(value * 100)}%`), "num"], ["rate", (name) => none(of(name).rate, (value) => `${+value.toFixed(1)}/s`), "num"],
    ["requests", (name) => none(of(name).attempts, count), "num"], ["errors", (name) => none(of(name).errors, count), "num"],
    ["p95", (name) => none(of(name).p95_ms, (value) => seconds(value / 1000)), "num"], ["active fault", (name) => active(name).join(", ") || "–"],
  ], run.providers));
  if (view.width) drawChart(run);
}

const reportOf = (run) => `runs/${run.number}/report.html`;

function drawEnded(doc) {
  if (!doc.ended.length) return ended.replaceChildren();
  const tone = TONES;
  ended.replaceChildren(section("runs", doc.over ? "The runs" : "So far", doc.over ? "The reports open from this page for as long as it is open; they are saved in the folders named here." : null, h("div", { class: "card" }, table("", [
    ["scenario", (run) => [run.title, h("div", { class: "small soft" }, doc.planned > 1 ? `${run.name}, seed ${run.seed}` : run.name)]], ["verdict", (run) => h("span", { class: `tag ${tone[run.verdict] || ""}` }, run.verdict)],
    ["what it says", (run) => [run.sentence, h("div", { class: "small soft mono", style: { overflowWrap: "anywhere" } }, run.folder)]],
    ["report", (run) => run.report ? h("a", { href: view.kept.get(run.number) || reportOf(run), target: "_blank", rel: "noopener" }, "open") : "–"],
  ], doc.ended))));
}

// What several runs of the same scenario say together, where they were asked for.
function drawTogether(doc) {
  const all = doc.together;
  if (!all) return together.replaceChildren();
  const rows = (list) => table("", [["question", (each) => each.question], ["over the runs", (each) => each.spread]], list);
  const one = (each) => h("div", { class: "card" }, h("h3", {}, h("span", { class: `tag ${TONES[each.verdict] || ""}` }, each.verdict), ` ${each.title} on ${each.target}: ${each.counts}`),
    each.measures.some((measure) => measure.held) && rows(each.measures.filter((measure) => measure.held)),
    each.measures.some((measure) => !measure.held) && folded("More measures", () => rows(each.measures.filter((measure) => !measure.held))));
  together.replaceChildren(section("measures", "The runs together", `The worst run decides. Intervals in brackets: ${all.method}.`, all.scenarios.map(one)),
    h("p", { class: "small soft mono", style: { overflowWrap: "anywhere" } }, `saved: ${all.file}`, h("br"), `again: ${all.command}`));
}

// Reports of several runs are kept in the page, so that they open without the run's process.
async function keep(doc) {
  for (const run of doc.ended) {
    if (!run.report || view.kept.has(run.number)) continue;
    view.kept.set(run.number, reportOf(run));
    try {
      const answer = await fetch(reportOf(run));
      if (answer.ok) view.kept.set(run.number, URL.createObjectURL(await answer.blob()));
    } catch { /* the link to the process's own copy stays */ }
  }
  drawEnded(view.doc);
}

async function finish(doc) {
  const last = doc.ended[doc.ended.length - 1];
  if (doc.planned <= 1 && doc.ended.length === 1 && last.report) {
    document.documentElement.dataset.live = "over";
    note.textContent = `The report is saved as ${last.folder}/report.html`;
    source.close();
    location.replace(reportOf(last));
    return;
  }
  await keep(doc);
  source.close();
  document.documentElement.dataset.live = "over";
}

function draw() {
  const doc = view.doc, run = doc && doc.run;
  if (!doc) return;
  const phase = doc.over ? "over" : view.lost ? "lost" : run ? run.now.phase : "starting";
  const worst = ["fail", "inconclusive", "not judged", "pass"].find((name) => doc.ended.some((each) => each.verdict === name));
  const word = (doc.over && worst) || PHASES[phase] || phase;
  if (status.textContent !== word) status.textContent = word;
  running.hidden = !run;
  if (run) drawRun(run);
  if (!run && doc.over) {
    const last = doc.ended[doc.ended.length - 1];
    const sums = ["pass", "fail", "inconclusive", "not judged"].map((name) => [doc.ended.filter((each) => each.verdict === name).length, name]).filter(([many]) => many);
    title.textContent = doc.over.failure ? `It could not be played: ${doc.over.failure}` : last ? `${plural(doc.ended.length, "run")}: ${sums.map(([many, name]) => `${many} ${name}`).join(", ")}` : "Nothing was played";
    if (worst) {
      hero.className = `hero ${worst === "not judged" ? "inconclusive" : worst}`;
      for (const name of ["--tone", "--tone-bg"]) hero.style.removeProperty(name);
    }
    const left = doc.planned - doc.ended.length;
    story.textContent = left > 0 && !doc.over.failure ? `It was interrupted: ${plural(left, "run was", "runs were")} not played.` : "";
    about.textContent = last ? last.target : "";
  }
  note.textContent = view.lost && !doc.over ? `The run's process doesn't answer. What it wrote is in ${run ? run.folder : "the run's folder"}.` : "";
  document.title = `${word}: ${run ? run.title : "banstorm"} · banstorm live`;
  document.documentElement.dataset.ready = "true";
}

let waiting = false;
function soon() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; draw(); });
}

function tellNews(lines, total, anew) {
  if (anew) { news.replaceChildren(); view.seen = total - lines.length; }
  for (const line of lines.slice(Math.max(0, lines.length - (total - view.seen)))) news.append(h("li", {}, line));
  view.seen = total;
  while (news.children.length > NEWS_ROWS_MAX) news.firstChild.remove();
}

const source = new EventSource("events");
source.addEventListener("state", (event) => {
  view.doc = JSON.parse(event.data);
  view.lost = false;
  if (view.doc.run) tellNews(view.doc.run.news, view.doc.run.news_count, true);
  drawEnded(view.doc);
  drawTogether(view.doc);
  soon();
  if (view.doc.over) finish(view.doc); else if (view.doc.ended.length) keep(view.doc);
});
source.addEventListener("step", (event) => {
  const change = JSON.parse(event.data), run = view.doc && view.doc.run;
  if (!run || run.number !== change.number) return;
  run.now = change.now;
  for (const each of change.steps) {
    for (const kind of ["outcomes", "served", "attempts", "failed"]) {
      for (const [name, value] of Object.entries(each[kind])) (run.timeline[kind][name] ||= new Array(run.timeline.steps).fill(0))[each.step] = value;
    }
    run.timeline.p50_s[each.step] = each.p50_s;
    run.timeline.p95_s[each.step] = each.p95_s;
  }
  tellNews(change.news, change.news_count, false);
  soon();
});
source.addEventListener("error", () => { view.lost = true; soon(); });
new ResizeObserver(() => {
  const width = Math.max(chart.clientWidth, 280);
  if (!chart.clientWidth || width === view.width) return;
  view.width = width;
  soon();
}).observe(chart);
