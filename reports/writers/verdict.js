// The top of the page: did it survive, what broke first, what to fix first; then each expectation in plain words.
const data = JSON.parse(document.getElementById("data").textContent);
const told = JSON.parse(document.getElementById("told").textContent);
const definition = (key) => (data.findings.find((each) => each.key === key) || {}).definition;
const valueOf = (key, scope) => { const finding = data.findings.find((each) => each.key === key); return finding && finding.values.find((each) => each.scope === (scope || "run")); };
const SURVIVED = { pass: ["✓", "Yes."], fail: ["✗", "No."], inconclusive: ["?", "This run can't tell."] };
const HEADLINES = { "Lost calls": "lost_calls", "Silent losses": "silent_losses", Failover: "time_to_fail_over", Recovery: "time_to_recover", "Cost per answer": "cost_increase" };
const ROUTERLESS = data.run.target === "none";  // the providers' own libraries, asked directly
const LEAD = {
  "Lost calls": `of ${plural(data.outcomes.reduce((sum, each) => sum + each.calls, 0), "call")}: no right answer in time`, "Silent losses": "lost calls that looked like a success",
  Failover: "until another provider answered every call", Recovery: "after the fault, until all was well", "Cost per answer": "of what it was before",
};

// A headline's note, where it says more than the card does.
function noteOf(headline) {
  const single = data.episodes.length === 1 && headline.note === data.episodes[0].id;
  return single || headline.text === "–" || headline.text === "0" || headline.label === "Cost per answer" ? null : headline.note;
}

// What a headline can't say by itself: a failover of 0 ms that callers waited for, one that never came and hurt nobody, and the money behind a ratio.
function more(headline) {
  if (headline.label === "Failover") {
    const waits = data.episodes.map((each) => each.times["switch_gap.max"]).filter((each) => each && each.value !== null), slowest = waits.sort((a, b) => b.value - a.value)[0];
    const spared = data.episodes.length > 0 && data.episodes.every((each) => each.calls_lost === 0);
    const several = data.episodes.length > 1 && headline.tone === "bad";  // elsewhere the headline's own note says it
    return [several && `worst of ${data.episodes.length} episodes`, headline.text !== "–" && spared && (headline.tone === "bad" ? "yet no call was lost" : "no call was lost"), slowest && `slowest switch: ${slowest.text}`];
  }
  if (headline.label !== "Cost per answer") return [];
  const finding = data.findings.find((each) => each.key === "cost_increase"), values = finding ? finding.values.filter((each) => each.value !== null) : [];
  const [during, before] = [(values.find((each) => each.text === headline.text) || {}).scope, "baseline"].map((name) => (data.phases.find((each) => each.name === name) || {}).usd_per_answer);
  return [...(during && before ? [`before: ${usd(before)}`, `meanwhile: ${usd(during)}`] : []), values.length > 1 && `worst of ${values.length} episodes`, `billed in all: ${usd(billedOf(data))}`];
}

// An option of a command stays on one line, or nobody could copy it.
const withOptions = (text) => text.split(/(--[a-z-]+(?: [\w./]+)?)/).map((part, index) => (index % 2 ? h("code", { class: "nowrap" }, part) : part));

function hero() {
  const run = data.run, [sign, answer] = SURVIVED[data.verdict];
  const unproved = data.checks.some((each) => !each.ok && each.kind === "evidence") ? "our own measuring fell short" : "it was not put to the test";
  const first = data.verdict === "fail" && !told.target_gone && data.expectations.find((each) => each.measure === data.first_broken);
  const top = told.advice[0];
  return [
    h("section", { class: `hero ${data.verdict}`, id: "verdict", "aria-label": "Verdict" },
      h("div", { class: "kicker" }, h("span", { class: "pill" }, h("span", { "aria-hidden": "true" }, sign), data.verdict),
        h("span", {}, ROUTERLESS ? `Did callers without a router survive “${run.title}”? ` : `Did the router “${run.target}” survive “${run.title}”? `, h("b", {}, answer))),
      h("h1", {}, data.verdict === "inconclusive" ? `This run can't tell how ${ROUTERLESS ? "it goes without a router" : `${run.target} takes it`}: ${unproved}.` : told.sentence),
      h("p", { class: "soft" }, run.story),
      h("div", { class: "answers" },
        first && h("div", { class: "first" }, h("p", { class: "overline" }, "Broke first"), h("p", { class: "what" }, told.expectations[data.expectations.indexOf(first)].question),
          h("p", {}, h("b", { class: "bad-text" }, first.found), `, wanted ${told.expectations[data.expectations.indexOf(first)].wanted}`, first.scope && first.scope !== "run" ? `, in ${first.scope}` : "", "."),
          h("p", { class: "small soft" }, first.certain_s === null ? "Known at the end of the run." : `Could no longer be met from ${seconds(first.certain_s)} on.`)),
        told.target_gone && h("div", { class: "first" }, h("p", { class: "overline" }, "What failed"), h("p", { class: "what" }, data.reasons[0]),
          data.reasons.slice(1).map((each) => h("p", { class: "small soft" }, each))),
        data.verdict === "inconclusive" && data.reasons.length > 0 && h("div", {}, h("p", { class: "overline" }, "Why it can't tell"),
          h("ul", {}, data.reasons.slice(0, 3).map((each) => h("li", {}, each))), data.reasons.length > 3 && h("p", { class: "small" }, h("a", { href: "#checks" }, `and ${data.reasons.length - 3} more`))),
        data.verdict === "pass" && told.tightest && h("div", {}, h("p", { class: "overline" }, "Closest to its limit"), h("p", { class: "what" }, told.expectations[told.tightest.index].question),
          h("p", {}, h("b", {}, data.expectations[told.tightest.index].found), `, wanted ${told.expectations[told.tightest.index].wanted}.`)),
        top && h("div", {}, h("p", { class: "overline" }, data.verdict === "inconclusive" ? "Do this next" : data.verdict === "fail" ? "Fix first" : "Worth a look"), h("p", { class: "what" }, withOptions(top.title)), h("p", { class: "soft" }, withOptions(top.why))),
        !top && data.verdict === "pass" && h("div", {}, h("p", { class: "overline" }, "Fix first"), h("p", { class: "what" }, "Nothing: every limit held."), h("p", { class: "soft" }, "A harder scenario, or tighter limits, would say more."))),
      data.verdict === "inconclusive" && h("p", { class: "caution" }, "The numbers below are what was seen. They prove nothing until the run is repeated.")),
    data.damage && data.damage.length > 0 && h("div", { class: "notice", role: "note" }, h("b", {}, "A part of this run could not be read."),
      h("ul", {}, data.damage.map((each) => h("li", {}, `${each.where}: ${each.what}. ${each.costs}`)))),
    h("div", { class: "cards", id: "headlines" }, data.headlines.map((each) => {
      const wanted = data.expectations.findIndex((one) => one.measure === HEADLINES[each.label]);
      return h("div", { class: "card" }, h("div", { class: "label" }, each.label), h("div", { class: `number ${each.tone}` }, each.text),
        h("div", { class: "small soft" }, each.text === "–" ? each.note : LEAD[each.label] || each.note),
        h("div", { class: "small faint" }, [noteOf(each), ...more(each)].filter(Boolean).map((one) => h("div", {}, one)), wanted >= 0 && h("div", {}, `wanted: ${told.expectations[wanted].wanted}`)));
    })),
  ];
}

const STATES = { met: ["✓", "met"], broken: ["✗", "broken"], unknown: ["?", "can't tell"] };

function expectations() {
  const counts = (state) => data.expectations.filter((each) => each.state === state).length;
  const tolerated = data.expectations.filter((each) => each.tolerated).length;
  const intro = [plural(counts("met"), "limit") + " met" + (tolerated ? ` (${tolerated} of them only within the tolerance)` : ""), counts("broken") && `${counts("broken")} broken`, counts("unknown") && `${counts("unknown")} that this run can't judge`].filter(Boolean).join(", ");
  return section("expectations", "What was expected, and what was found", `${intro}.`, h("div", { class: "card" }, h("ul", { class: "asked" }, data.expectations.map((row, index) => {
    const plain = told.expectations[index], [sign, word] = STATES[row.state], first = row.measure === data.first_broken && data.verdict === "fail";
    return h("li", { class: `is-${row.state}` },
      h("span", { class: `sign ${row.state}`, role: "img", "aria-label": word, title: word }, sign),
      h("div", { class: "text" }, h("div", { class: "question" }, plain.question, first && [" ", h("span", { class: "tag bad" }, "broke first")]),
        row.state === "broken" && plain.broken && h("p", { class: "meaning" }, plain.broken),
        row.tolerated && h("span", { class: "tag" }, "tolerated"),
        row.note && h("p", { class: "meaning soft" }, `${row.note}.`),
        h("div", { class: "small faint" }, h("code", { title: definition(row.measure) }, row.measure), row.scope && row.scope !== "run" ? ` · ${row.scope}` : "", row.certain_s !== null && ` · could no longer be met from ${seconds(row.certain_s)} on`)),
      h("div", { class: "value" }, h("div", { class: "small faint" }, "found"), h("div", { class: "found" }, row.found)),
      h("div", { class: "value" }, h("div", { class: "small faint" }, "wanted"), h("div", {}, plain.wanted)));
  }))));
}

function fixes() {
  // Where nothing broke, one piece of advice is told at the top.
  if (!told.advice.length || (data.verdict !== "fail" && told.advice.length < 2)) return null;
  const inconclusive = data.verdict === "inconclusive";
  return section("fix", inconclusive ? "What to do next" : data.verdict === "fail" ? "What to fix first" : "Worth a look", null,
    h("div", { class: "card" }, h("ol", { class: data.verdict === "fail" ? "todo urgent" : "todo" }, told.advice.map((each) => h("li", {}, h("b", {}, withOptions(each.title)), h("p", {}, withOptions(each.why)),
      each.mends.length > 0 && h("p", { class: "small faint" }, `would mend: ${each.mends.join(", ")}`)))),
    data.run.remedy && h("p", { class: "soft", style: { marginTop: "16px" } }, h("b", {}, "A good router: "), data.run.remedy)));
}

function timeline() {
  const line = data.timeline, steps = [...Array(line.steps).keys()];
  return section("timeline", "The run, second by second", `${data.episodes.length ? "Shaded: while the fault was on. " : ""}Calls, answers, waits and cost stand where a call was due; requests where the router sent them.`,
    h("div", { class: "card" }, timelineChart(data),
      folded("The same as a table", () => table("Calls due, requests, latency and cost, step by step",
        [["From", (step) => seconds(step * line.step_s), "num"],
          ...Object.keys(line.outcomes).map((name) => [name, (step) => line.outcomes[name][step], "num"]),
          ...Object.keys(line.attempts).map((name) => [`requests to ${name}`, (step) => line.attempts[name][step], "num"]),
          ["p50", (step) => seconds(line.p50_s[step]), "num"], ["p95", (step) => seconds(line.p95_s[step]), "num"], ["USD", (step) => usd(line.usd[step]), "num"]], steps))));
}
