// The rest of the page, section by section: who was hurt, latency, whether the run proves anything, every measure, and how to repeat it.
const ANSWERS = [["availability", "Calls answered right and in time"], ["callers_hurt", "Callers who lost a call"], ["outage", "Longest stretch without a right answer"], ["budget_spent", "Of a month's error budget, this run took"]];
// What a number rests on is told with it even where it is known: without the objective, a share of its budget says nothing.
const ALWAYS_TOLD = ["budget_spent"];

function integrity() {
  const callers = data.callers;
  const whole = data.slices.filter((each) => (each.scope || "run") === "run");
  // What all calls have in common tells nobody apart.
  const kinds = [...new Set(whole.map((each) => each.by))].filter((kind) => whole.filter((each) => each.by === kind).length > 1);
  const timed = whole.some((each) => kinds.includes(each.by) && typeof each.p95_s === "number");
  const slices = kinds.flatMap((kind) => whole.filter((each) => each.by === kind));
  return section("integrity", "What the callers got", "A silent loss looked like a success to the caller: a 2xx status and a proper ending, without the right answer.",
    h("div", { class: "card" }, facts(ANSWERS.filter(([key]) => valueOf(key)).map(([key, name]) => { const value = valueOf(key); return [name, value.text, (value.value === null || ALWAYS_TOLD.includes(key)) && value.reason ? h("span", { class: "small" }, value.reason) : null]; }), "grid")),
    h("div", { class: "two" },
      h("div", { class: "column" }, h("div", { class: "card" }, table("By outcome", [["Outcome", (row) => [row.outcome, h("div", { class: "small soft" }, row.meaning)]],
        ["Calls", (row) => count(row.calls), "num"], ["Share", (row) => [percent(row.share), h("span", { class: "meter", style: { width: `${Math.max(row.share * 70, 2)}px`, background: outcomeColor(row.outcome), marginLeft: "auto" } })], "num"],
        ["Silent", (row) => (row.silent ? h("span", { class: "bad-text" }, count(row.silent)) : "0"), "num"]], data.outcomes)),
      callers && callers.hurt > 0 && h("div", { class: "card" }, h("h3", {}, "How the harm was spread"),
        facts([["Callers hurt", `${count(callers.hurt)} of ${count(callers.callers)}`], ["Fairness between callers", callers.fairness.value === null ? "can't be told" : callers.fairness.text, h("div", { class: "small soft" }, callers.fairness.value === null ? callers.fairness.reason : "1: all were treated alike")],
          ...(callers.tenth_share === null ? [] : [["Share of the lost calls that the worst-hit tenth of callers bore", percent(callers.tenth_share)]])]),
        callers.most_hurt.length > 0 && h("details", { style: { marginTop: "12px" } }, h("summary", { class: "small soft" }, "The callers hurt most"), table(null, [["Caller", (row) => row.caller], ["Calls", (row) => count(row.calls), "num"], ["Lost", (row) => count(row.lost), "num"], ["Silent", (row) => count(row.silent), "num"]], callers.most_hurt)))),
      slices.length > 0 && h("div", { class: "card" }, table(slices.some((each) => each.lost) ? "Who was hurt" : "By kind of call: nobody was hurt", [["Calls", (row) => sliceName(row)], ["Due", (row) => count(row.calls), "num"],
        ["Lost", (row) => (row.lost ? h("span", { class: "bad-text" }, count(row.lost)) : "0"), "num"], ["Lost share", (row) => percent(row.calls ? row.lost / row.calls : 0), "num"],
        ...(timed ? [["p95", (row) => seconds(row.p95_s), "num"]] : [])],
      slices), timed && slices.some((each) => typeof each.p95_s !== "number") && h("p", { class: "small faint" }, "p95: the latency that 95 of 100 calls stayed under; – stands for too few calls, it takes 200."))),
    slicesByWindow());
}

const SLICED = { shape: "answer as", stream: "delivery" };
const sliceName = (row) => [h("span", { class: "soft" }, `${SLICED[row.by] || row.by} `), row.value === "none" && (row.by === "provider" || row.by === "model") ? "none was asked" : row.value];

function slicesByWindow() {
  const rows = data.window_slices || [];
  if (!rows.length) return null;
  return h("div", { class: "card" }, h("details", {}, h("summary", {}, "The same, one fault at a time"), table(null, [["Episode", (row) => row.scope], ["Calls", (row) => sliceName(row)],
    ["Due", (row) => count(row.calls), "num"], ["Lost", (row) => count(row.lost), "num"], ["Silent", (row) => count(row.silent), "num"], ["Requests", (row) => count(row.attempts), "num"],
    ["p50", (row) => seconds(row.p50_s), "num"], ["p95", (row) => seconds(row.p95_s), "num"], ["USD", (row) => usd(row.usd), "num"]], rows)));
}

function phases() {
  return section("phases", "Latency and retries", "Before, during and after. Latency counts from the moment a call was due. A quantile stands only where there are calls enough for it: p50 from 20, p95 from 200, p99 from 1,000.",
    h("div", { class: "card" }, table(null, [["Phase", (row) => (row.name === "run" ? "whole run" : row.name === "baseline" ? "before the fault" : row.name)],
      ["From", (row) => seconds(row.from_s), "num"], ["To", (row) => seconds(row.until_s), "num"],
      ["Calls", (row) => count(row.calls), "num"], ["Good", (row) => count(row.good), "num"], ["Requests", (row) => count(row.attempts), "num"],
      ["Requests a call", (row) => (row.amplification === null ? "–" : row.amplification.toFixed(2)), "num"],
      ["p50", (row) => seconds(row.p50_s), "num"], ["p95", (row) => seconds(row.p95_s), "num"], ["p99", (row) => seconds(row.p99_s), "num"],
      ["Cost of a good answer", (row) => usd(row.usd_per_answer), "num"]], data.phases)));
}

function coverage() {
  if (!data.coverage || !data.coverage.length) return null;
  const several = (fault) => new Set(data.coverage.filter((each) => each.fault === fault).map((each) => each.entry)).size > 1;
  return section("coverage", "Did the faults reach the router?", "Each fault of the scenario: how many requests it was meant for while it was on, and how many of them it hit. A fault that no request walked into was not tested.",
    h("div", { class: "card" }, table(null, [["Fault", (row) => [h("code", {}, row.fault), several(row.fault) && h("div", { class: "small faint" }, `entry ${row.entry}`)]], ["On", (row) => row.provider], ["Path", (row) => h("code", {}, row.path)],
      ["Acts on", (row) => row.phase || "–"], ["Meant for", (row) => count(row.matched), "num"], ["Hit", (row) => count(row.bites), "num"],
      ["Share", (row) => (row.share === null ? h("span", { class: "tag" }, "not exercised") : percent(row.share)), "num"]], data.coverage)));
}

function checks() {
  const short = data.checks.filter((each) => !each.ok), passed = data.checks.filter((each) => each.ok);
  const trust = !short.length ? "Clocks, bookkeeping and load were good enough to judge by."
    : data.verdict === "fail" ? "What fell short could have kept this run from a pass; what broke is broken all the same." : "What falls short makes a run inconclusive; it is never called a pass.";
  const spoken = (text) => data.expectations.reduce((said, each, index) => (each.measure.includes("_") ? said.replaceAll(each.measure, told.expectations[index].name) : said), text);
  const list = (rows) => table(null, [["Check", (row) => row.name], ["", (row) => [h("span", { class: `sign ${row.ok ? "met" : "unknown"}`, role: "img", "aria-label": row.ok ? "passed" : "fell short" }, row.ok ? "✓" : "!")]], ["Found", (row) => spoken(row.found)], ["Needed", (row) => h("span", { class: "soft" }, row.needed)]], rows);
  return section("checks", "Can this run be trusted?", `${passed.length} of ${data.checks.length} checks of ourselves passed. ${trust}`,
    h("div", { class: "card" }, short.length > 0 && [h("h3", {}, `${short.length} fell short`), list(short)],
      passed.length > 0 && h("details", {}, h("summary", {}, short.length ? `${passed.length} passed: show them` : "All passed: show them"), list(passed))));
}

function measures() {
  const rows = data.findings.flatMap((finding) => finding.values.map((value) => ({ finding, value })));
  const from = (rows_) => (rows_ && rows_.total ? `${count(rows_.total)} ${rows_.table}: ${rows_.first.slice(0, 8).join(", ")}${rows_.total > 8 ? ", …" : ""}` : "");
  return section("measures", "Every measure", null, h("div", { class: "card" }, h("details", {}, h("summary", {}, "Values, definitions and the ledger rows they came from"),
    table(null, [["Measure", (row) => h("code", {}, row.finding.key)], ["Where", (row) => row.value.scope, "nowrap"], ["Value", (row) => row.value.text, "num"],
      ["", (row) => [h("div", {}, row.value.reason, row.value.doubt && h("span", { class: "tag" }, `in doubt: ${row.value.doubt}`)), h("div", { class: "small soft" }, row.finding.definition), h("div", { class: "small faint mono" }, from(row.value.rows))]]], rows))));
}

function machineText(object) {
  const size = (value) => `${(value / 2 ** 30).toFixed(1)} GiB`;
  return Object.entries(object).map(([name, value]) => name === "memory_bytes" && typeof value === "number" ? `memory ${size(value)}` : `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`).join(" · ") || "–";
}

function repeat() {
  const run = data.run;
  const rows = [["Scenario", `${run.scenario}: ${run.title}`], ["Seen in reality", run.source], ["Target", [run.target, run.target_detail].filter(Boolean).join(" · ")],
    ["Load", `${run.load || `${+run.rate.toPrecision(4)} calls/s`} for ${seconds(run.load_s)}, ${plural(run.callers, "caller")}`], ["Providers", run.providers.join(", then ")],
    ["Evidence", `${run.witnesses} (${run.host})`], ["Seed", run.seed], ["Started", run.started.slice(0, 19).replace("T", " ")], ["Run", `${run.run} in ${run.folder}`], ["banstorm", run.banstorm], ["Versions", machineText(run.versions)], ["Machine", machineText(run.machine)],
    ...run.warnings.map((each) => ["Warning", each]), ...run.own_failures.map((each) => ["Our own failure", each])];
  return section("repeat", "Repeat it", "The same seed gives the same calls and the same faults; times differ a little from run to run.", h("div", { class: "card" }, copyable(run.command || "no command was recorded"),
    h("div", { style: { height: "18px" } }), facts(rows)));
}
