// The page, section by section, from the result in the page's data block.
const data = JSON.parse(document.getElementById("data").textContent);
const SIGNS = { met: "✓ met", broken: "✗ broken", unknown: "? can't tell" };

function section(id, title, intro, ...content) {
  return h("section", { id, "aria-labelledby": `${id}-title` }, h("h2", { id: `${id}-title` }, title),
    intro && h("p", { class: "soft" }, intro), content);
}

const definition = (key) => (data.findings.find((each) => each.key === key) || {}).definition;

function hero() {
  const run = data.run;
  const first = data.expectations.find((each) => each.measure === data.first_broken);
  const reasons = data.verdict === "inconclusive" ? data.reasons : [];
  return [
    h("header", { class: "top" }, h("span", { class: "brand" }, "banstorm"), h("span", {}, run.title),
      h("span", {}, `target: ${run.target}`), h("span", {}, `seed ${run.seed}`), h("span", {}, run.started.slice(0, 19).replace("T", " "))),
    h("section", { class: `card hero ${data.verdict}`, id: "verdict", "aria-label": "Verdict" },
      h("span", { class: "pill" }, data.verdict),
      h("h1", {}, data.sentence),
      h("p", { class: "soft" }, run.story),
      first && data.verdict === "fail" && h("div", { class: "first" }, h("b", {}, "Broke first: "), h("code", {}, first.measure),
        ` was ${first.found}, wanted ${first.wanted}`, first.scope && first.scope !== "run" ? ` (${first.scope})` : "",
        first.certain_s === null ? "; settled at the end of the run." : `; certain ${seconds(first.certain_s)} into the run.`,
        h("div", { class: "small soft" }, definition(first.measure))),
      reasons.length > 0 && h("ul", {}, reasons.map((each) => h("li", {}, each)))),
    h("div", { class: "cards", id: "headlines" }, data.headlines.map((each) =>
      h("div", { class: "card" }, h("div", { class: "label" }, each.label),
        h("div", { class: `number ${each.tone}` }, each.text), h("div", { class: "small soft" }, each.note)))),
  ];
}

function expectations() {
  return section("expectations", "What was expected, and what was found", null, h("div", { class: "card" }, table(
    null,
    [["Measure", (row) => h("span", { title: definition(row.measure) }, h("code", {}, row.measure))],
      ["", (row) => [SIGNS[row.state]], "status"],
      ["Wanted", (row) => row.wanted, "num"], ["Found", (row) => row.found, "num"],
      ["Where", (row) => row.scope || "–", "nowrap"],
      ["", (row) => [row.measure === data.first_broken && h("b", {}, "broke first"), row.measure === data.first_broken && row.note ? ": " : "", row.note,
        row.certain_s !== null && h("span", { class: "soft" }, ` · certain at ${seconds(row.certain_s)}`)]]],
    data.expectations, (row) => (row.measure === data.first_broken && data.verdict === "fail" ? "first-broken" : null))));
}

function colourStatuses(root) {
  for (const cell of root.querySelectorAll("td.status")) {
    const sign = cell.textContent.slice(0, 1);
    cell.classList.add({ "✓": "met", "✗": "broken", "?": "unknown" }[sign] || "unknown");
  }
}

function timeline() {
  const line = data.timeline;
  const steps = [...Array(line.steps).keys()];
  const names = Object.keys(line.outcomes);
  return section("timeline", "The run over time", "Shaded: the fault's window. Drag to zoom, double-click to show everything, hover or use the arrow keys for numbers.",
    h("div", { class: "card" }, timelineChart(data),
      h("details", {}, h("summary", { class: "small soft" }, "The same as a table"), table("Calls due, attempts and latency, step by step",
        [["From", (step) => seconds(step * line.step_s), "num"],
          ...names.map((name) => [name, (step) => line.outcomes[name][step], "num"]),
          ...Object.keys(line.attempts).map((name) => [`attempts at ${name}`, (step) => line.attempts[name][step], "num"]),
          ["p50", (step) => seconds(line.p50_s[step]), "num"], ["p95", (step) => seconds(line.p95_s[step]), "num"]], steps))));
}

const EPISODE_TIMES = [
  ["time_to_detect", "Detect: the router stops asking the broken provider"],
  ["switch_gap.p50", "Switch: from one provider to the next, a call (p50)"],
  ["switch_gap.max", "Switch, the slowest call"],
  ["time_to_fail_over", "Fail over: every answer right again, from elsewhere"],
  ["outage", "Outage: longest run of bad calls"],
  ["probe_rate", "Probes at the broken provider meanwhile"],
  ["time_to_recover", "Recover: as good and as fast as before"],
  ["time_to_revert", "Revert: the preferred provider answers again"],
  ["retry_amplification", "Attempts a call"],
  ["cost_increase", "Cost per good answer, against before"],
];

// What an episode was like for the callers: bad, served elsewhere, recovering, well again.
function strip(episode) {
  const time = (key) => { const value = episode.times[key]; return value && value.value !== null ? value : null; };
  const t0 = episode.first_bite_s;
  const over = time("time_to_fail_over"), back = time("time_to_recover"), home = time("time_to_revert");
  if (t0 === null || over === null) return null;
  const tc = episode.until_s;
  const failed = Math.min(t0 + over.value, tc);
  const well = back === null ? tc : tc + back.value;
  const end = Math.max(well, home === null || home.censored ? tc : tc + home.value, tc) + (tc - t0) * 0.12;
  const WIDTH = 1040, x = (at) => ((at - t0) / (end - t0)) * WIDTH;
  const parts = [[t0, failed, "var(--error)", "not yet failed over"], [failed, tc, "var(--p1)", over.censored ? "" : "served elsewhere"],
    [tc, well, "var(--late)", back && back.censored ? "not seen to recover" : "recovering"], [well, end, "var(--ok)", back && back.censored ? "" : "well again"]];
  return s("svg", { class: "strip", viewBox: `0 0 ${WIDTH} 62`, role: "img", "aria-label": `${episode.id}: phases in order` },
    parts.filter(([from, until]) => until > from).map(([from, until, fill, name]) => [
      s("rect", { x: x(from), y: 22, width: Math.max(x(until) - x(from), 2), height: 18, fill }, s("title", {}, `${name}: ${seconds(until - from)}`)),
      x(until) - x(from) > name.length * 7 && s("text", { x: x(from) + 2, y: 15 }, name)]),
    home && !home.censored && [s("line", { class: "mark", x1: x(tc + home.value), x2: x(tc + home.value), y1: 18, y2: 44 }, s("title", {}, `reverted after ${seconds(home.value)}`))],
    [[t0, "first bite", "start"], [tc, "fault ends", "middle"]].map(([at, name, anchor]) => s("text", { x: x(at), y: 57, "text-anchor": anchor }, name)),
    home && !home.censored && x(home.value + tc) - x(tc) > 75 && s("text", { x: Math.min(x(tc + home.value), WIDTH - 30), y: 57, "text-anchor": "middle" }, "reverted"));
}

function failover() {
  if (!data.episodes.length) return null;
  return section("failover", "Failover, episode by episode", "Times count from the first request that the fault really bit, or from the fault's end.",
    data.episodes.map((episode) => h("div", { class: "card" },
      h("h3", { style: { marginTop: 0 } }, episode.id),
      h("p", { class: "small soft" }, byEntry(episode.windows).map((each) =>
        `${each.entry} from ${seconds(each.from_s)} to ${seconds(each.until_s)}${each.windows > 1 ? ` in ${each.windows} windows` : ""}, ${shareOf(each)}, bit ${count(each.bites)}${each.matched === null ? "" : ` of ${count(each.matched)}`}. `),
      `${count(episode.calls_lost)} of ${count(episode.calls_due)} calls due meanwhile were lost.`),
      strip(episode),
      table(null, [["Phase", (row) => row[1]], ["Took", (row) => episode.times[row[0]].text, "num"],
        ["", (row) => h("span", { class: "soft" }, episode.times[row[0]].reason)]],
      EPISODE_TIMES.filter(([key]) => episode.times[key])))),
    h("p", { class: "small soft" }, "Not observable from outside: ", data.not_observable.join(" ")));
}

function integrity() {
  const most = Math.max(...data.outcomes.map((each) => each.calls), 1);
  return section("integrity", "What the callers got", "A silent loss looked like a success to the caller: a 2xx status and a proper ending, without the right answer.",
    h("div", { class: "two" },
      h("div", { class: "card" }, table("By outcome", [["Outcome", (row) => [row.outcome, h("div", { class: "small soft" }, row.meaning)]],
        ["Calls", (row) => count(row.calls), "num"], ["Share", (row) => percent(row.share), "num"],
        ["Silent", (row) => (row.silent ? h("b", { class: "status bad" }, count(row.silent)) : "0"), "num"],
        ["", (row) => h("span", { class: "bar", style: { width: `${Math.max((row.calls / most) * 90, 1)}px`, background: outcomeColor(row.outcome) } })]], data.outcomes)),
      h("div", { class: "card" }, table("Who was hurt", [["Calls", (row) => `${row.by}: ${row.value}`], ["Due", (row) => count(row.calls), "num"],
        ["Lost", (row) => count(row.lost), "num"], ["Silent", (row) => count(row.silent), "num"]], data.slices))));
}

function phases() {
  return section("phases", "Latency and retries, phase by phase", "Latency counts from the moment a call was due. A quantile stands only where there are calls enough for it: p50 from 20, p95 from 200, p99 from 1,000.",
    h("div", { class: "card" }, table(null, [["Phase", (row) => (row.name === "run" ? "whole run" : row.name)],
      ["From", (row) => seconds(row.from_s), "num"], ["To", (row) => seconds(row.until_s), "num"],
      ["Calls", (row) => count(row.calls), "num"], ["Good", (row) => count(row.good), "num"], ["Attempts", (row) => count(row.attempts), "num"],
      ["Attempts a call", (row) => (row.amplification === null ? "–" : row.amplification.toFixed(2)), "num"],
      ["p50", (row) => seconds(row.p50_s), "num"], ["p95", (row) => seconds(row.p95_s), "num"], ["p99", (row) => seconds(row.p99_s), "num"],
      ["USD a good answer", (row) => usd(row.usd_per_answer), "num"]], data.phases)));
}

function costs() {
  const value = (key) => { const found = data.findings.find((each) => each.key === key); return found && found.values[0] ? found.values[0].text : "–"; };
  const facts = [["Per good answer", value("cost_per_answer")], ["While the fault lasted, against before", value("cost_increase")],
    ["Billed for nothing good", value("wasted")], ["Hidden: no answer's usage shows it", value("hidden_spend")], ["Tokens reported ÷ billed", value("bookkeeping_drift")]];
  return section("cost", "What it cost", "From the providers' own invoices, at list prices.", h("div", { class: "card" },
    h("dl", { class: "facts", style: { marginBottom: "16px" } }, facts.map(([name, text]) => [h("dt", {}, name), h("dd", {}, h("b", {}, text))])),
    table("By provider and model", [["Provider", (row) => row.provider], ["Model", (row) => [h("code", {}, row.model), !row.priced && h("span", { class: "small soft" }, " no price: billed at zero")]],
      ["Invoices", (row) => count(row.invoices), "num"], ["Tokens in", (row) => count(row.input_tokens), "num"], ["Tokens out", (row) => count(row.produced_tokens), "num"],
      ["Billed", (row) => usd(row.usd), "num"], ["Wasted", (row) => usd(row.wasted_usd), "num"], ["Hidden", (row) => usd(row.hidden_usd), "num"]], data.costs)));
}

function waterfall(call) {
  const color = providerColor(data);
  const end = Math.max(call.ended_s || 0, ...call.attempts.map((each) => each.until_s), 0.001);
  const WIDTH = 1040, LEFT = 170, ROW = 24;
  const x = (at) => LEFT + (Math.max(at, 0) / end) * (WIDTH - LEFT - 90);
  const rows = [{ name: "caller", from: call.sent_s === null ? 0 : call.sent_s, first: call.first_token_s, until: call.ended_s, fill: outcomeColor(call.outcome), note: call.status === null ? call.outcome : String(call.status) },
    ...call.attempts.map((each) => ({ name: each.provider, from: each.from_s, first: each.first_byte_s, until: each.until_s, fill: each.fault ? "var(--error)" : color(each.provider), note: [each.status, each.fault].filter(Boolean).join(" ") || each.ended_by }))];
  const height = rows.length * ROW + 24;
  return s("svg", { viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": `Call ${call.call}, attempt by attempt` },
    rows.map((row, index) => {
      const y = index * ROW + 4;
      if (row.until === null) return s("text", { x: LEFT, y: y + 13 }, "no record");
      return [s("text", { x: LEFT - 10, y: y + 13, "text-anchor": "end" }, row.name.slice(0, 24)),
        s("rect", { x: x(row.from), y, width: Math.max(x(row.until) - x(row.from), 2), height: 16, rx: 3, fill: row.fill }),
        row.first !== null && s("line", { class: "mark", x1: x(row.first), x2: x(row.first), y1: y, y2: y + 16 }, s("title", {}, `first byte after ${seconds(row.first)}`)),
        s("text", { x: Math.min(x(row.until) + 6, WIDTH - 84), y: y + 13 }, row.note.slice(0, 40))];
    }),
    ticks(0, end, 6).map((tick) => s("text", { x: x(tick), y: height - 4, "text-anchor": "middle" }, seconds(tick))));
}

function worst() {
  if (!data.worst.length) return section("worst", "The worst calls", "No call was lost, and none needed a second attempt.");
  const lost = data.worst.some((each) => each.outcome !== "ok");
  return section("worst", lost ? "The worst calls" : "The calls that needed most attempts",
    "What each caller lived through, attempt by attempt, with the provider's own words (redacted) and a command that asks again.",
    h("div", { class: "card" }, data.worst.map((call, index) => h("details", { open: index === 0 },
      h("summary", {}, h("b", {}, `Call ${call.call}`), h("span", { class: "soft" }, ` due at ${seconds(call.due_s)}, ${call.stream ? "streamed" : "plain"} ${call.shape}, caller ${call.caller}`),
        h("span", { class: `tag ${call.outcome === "ok" ? "good" : "bad"}` }, call.outcome), call.silent && h("span", { class: "tag bad" }, "silent"),
        call.attempts.length !== 1 && h("span", { class: "tag" }, `${call.attempts.length} attempts`)),
      h("div", { class: "scroll" }, waterfall(call)),
      table(null, [["Attempt", (row) => h("code", {}, row.attempt)], ["Provider", (row) => row.provider], ["Status", (row) => (row.status === null ? "–" : row.status), "num"],
        ["Fault", (row) => row.fault || "–"], ["Ended by", (row) => row.ended_by], ["Arrived", (row) => seconds(row.from_s), "num"],
        ["Ended", (row) => seconds(row.until_s), "num"], ["Tokens", (row) => row.delivered_tokens, "num"], ["USD", (row) => usd(row.usd), "num"]], call.attempts),
      call.attempts.filter((each) => each.words).map((each) => [h("p", { class: "small soft" }, `${each.provider} said`), h("pre", {}, each.words)]),
      call.words && [h("p", { class: "small soft" }, `the caller got${call.error ? ` (${call.error})` : ""}`), h("pre", {}, call.words)],
      h("p", { class: "small soft" }, "ask again"), h("pre", {}, call.curl)))));
}

// An entry that comes and goes has many windows: told as one.
function byEntry(windows) {
  const found = new Map();
  for (const each of windows) {
    const known = found.get(each.entry);
    if (!known) { found.set(each.entry, { ...each, windows: 1 }); continue; }
    known.windows += 1;
    known.until_s = Math.max(known.until_s, each.until_s);
    known.bites += each.bites;
    known.matched = known.matched === null || each.matched === null ? null : known.matched + each.matched;
  }
  return [...found.values()];
}

function shareOf(window) {
  if (window.kind === "event" && window.share === 1) return "an event on the system";
  const share = window.growth ? `${percent(window.growth[0])} growing to ${percent(window.growth[1])}` : percent(window.share);
  return `${share} of ${window.share_of}s`;
}

function coverage() {
  if (!data.coverage || !data.coverage.length) return null;
  return section("coverage", "What the faults really bit", "Requests that a timeline entry meant while it was on, and the share of them that it bit.",
    h("div", { class: "card" }, table(null, [["Entry", (row) => h("code", {}, row.entry)], ["Provider", (row) => row.provider], ["Path", (row) => h("code", {}, row.path)],
      ["Acts on", (row) => row.phase || "–"], ["Meant", (row) => count(row.matched), "num"], ["Bit", (row) => count(row.bites), "num"],
      ["Share", (row) => (row.share === null ? "not exercised" : percent(row.share)), "num"]], data.coverage)));
}

function checks() {
  const short = data.checks.filter((each) => !each.ok);
  const rows = [...short, ...data.checks.filter((each) => each.ok)];
  return section("checks", "Could this run prove anything?", `${data.checks.length - short.length} of ${data.checks.length} checks passed. What falls short is inconclusive, never a pass.`,
    h("div", { class: "card" }, h("details", { open: short.length > 0 }, h("summary", {}, short.length ? `${short.length} fell short` : "All passed: show them"),
      table(null, [["Check", (row) => row.name], ["", (row) => (row.ok ? "✓ ok" : "✗ short"), "status"], ["Found", (row) => row.found], ["Needed", (row) => h("span", { class: "soft" }, row.needed)]], rows))));
}

function measures() {
  const rows = data.findings.flatMap((finding) => finding.values.map((value) => ({ finding, value })));
  const from = (rows_) => (rows_ && rows_.total ? `${count(rows_.total)} ${rows_.table}: ${rows_.first.slice(0, 8).join(", ")}${rows_.total > 8 ? ", …" : ""}` : "");
  return section("measures", "Every measure", null, h("div", { class: "card" }, h("details", {}, h("summary", {}, "Values, definitions and the ledger rows they came from"),
    table(null, [["Measure", (row) => h("code", {}, row.finding.key)], ["Where", (row) => row.value.scope, "nowrap"], ["Value", (row) => row.value.text, "num"],
      ["", (row) => [h("div", {}, row.value.reason), h("div", { class: "small soft" }, row.finding.definition), h("div", { class: "small soft mono" }, from(row.value.rows))]]], rows))));
}

function repeat() {
  const run = data.run;
  const flat = (object) => Object.entries(object).map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`).join(" · ") || "–";
  const facts = [["Scenario", `${run.scenario}: ${run.title}`], ["Seen in reality", run.source], ["Target", [run.target, run.target_detail].filter(Boolean).join(" · ")],
    ["Load", `${run.load || `${+run.rate.toPrecision(4)} calls/s`} for ${seconds(run.load_s)}, ${count(run.callers)} callers`], ["Providers", run.providers.join(", then ")],
    ["Evidence", `${run.witnesses} (${run.host})`], ["Seed", run.seed], ["Run", `${run.run} in ${run.folder}`], ["banstorm", run.banstorm], ["Versions", flat(run.versions)], ["Machine", flat(run.machine)],
    ...run.warnings.map((each) => ["Warning", each]), ...run.own_failures.map((each) => ["Our own failure", each])];
  return section("repeat", "Repeat it", null, h("div", { class: "card" }, h("pre", {}, run.command || "no command was recorded"),
    h("dl", { class: "facts" }, facts.map(([name, text]) => [h("dt", {}, name), h("dd", {}, text)]))));
}

const page = document.getElementById("page");
page.replaceChildren(...[hero(), expectations(), timeline(), failover(), integrity(), phases(), costs(), worst(), coverage(), checks(), measures(), repeat()].flat().filter(Boolean));
colourStatuses(page);
document.title = `${data.verdict}: ${data.run.title} · banstorm`;
document.documentElement.dataset.ready = "true";
