// What it cost: the answer first, then where the money went, then the reader's own month.
const billedOf = (data) => (data.money ? data.money.billed_usd : data.costs.reduce((sum, each) => sum + each.usd, 0));

function costs() {
  const found = (key) => { const finding = data.findings.find((each) => each.key === key); return finding && finding.values[0] ? finding.values[0].text : "–"; };
  const money = data.money, billed = billedOf(data), wasted = money ? money.wasted_usd : data.costs.reduce((sum, each) => sum + each.wasted_usd, 0);
  const rises = (data.findings.find((each) => each.key === "cost_increase") || { values: [] }).values;
  // A fault and its own number; of many faults the worst, as the top of the page has it.
  const worst = data.headlines.find((each) => each.label === "Cost per answer");
  const few = rises.length > 1 && rises.length <= EPISODES_OPEN;
  const increase = few ? [rises.map((each) => each.text).join(", "), h("span", { class: "small" }, "one for each episode")] : [worst ? worst.text : "–", rises.length > 1 && h("span", { class: "small" }, `the worst of ${rises.length} episodes`)];
  const share = (part) => (billed ? ` (${percent(part / billed)})` : "");
  return section("cost", "What it cost", "From the providers' own invoices, at list prices.",
    h("div", { class: "card" }, facts([["Billed for this run", usd(billed)], ["For each good answer", found("cost_per_answer")], ["The same while the fault lasted, of what it was before", ...increase],
      ["Paid for nothing good", `${usd(wasted)}${share(wasted)}`], ["Hidden: in no answer's usage", found("hidden_spend")], ["Tokens reported ÷ billed", found("bookkeeping_drift")]], "grid")),
    h("div", { class: "card" }, table("By provider and model", [["Provider", (row) => row.provider], ["Model", (row) => [h("code", {}, row.model), !row.priced && h("span", { class: "small soft" }, " no price: billed at zero")]],
      ["Invoices", (row) => count(row.invoices), "num"], ["Tokens in", (row) => count(row.input_tokens), "num"], ["Tokens out", (row) => count(row.produced_tokens), "num"],
      ["Billed", (row) => usd(row.usd), "num"], ["For nothing", (row) => usd(row.wasted_usd), "num"], ["Hidden", (row) => usd(row.hidden_usd), "num"]], data.costs)),
    money && [h("div", { class: "two" }, wastedCard(money), lockInCard(money)), projectionCard(money), booksCard(money)]);
}

function wastedCard(money) {
  if (!money.wasted.length) return null;
  return h("div", { class: "card" }, table("Paid for nothing good, by why", [["Why", (row) => [row.why, h("div", { class: "small soft" }, row.meaning)]], ["Invoices", (row) => count(row.invoices), "num"], ["Billed", (row) => usd(row.usd), "num"], ["Share", (row) => percent(row.share), "num"]], money.wasted));
}

function lockInCard(money) {
  if (!money.lock_in.length) return null;
  const known = money.lock_in.filter((row) => row.usd !== null);
  if (!known.length) return h("div", { class: "card" }, h("h3", {}, "The same answers, all from one provider"), h("p", { class: "soft" }, `Not known: ${money.lock_in[0].reason || "no provider has a price"}.`));
  return h("div", { class: "card" }, table("The same answers, all from one provider", [["Provider", (row) => [row.provider, h("div", { class: "small soft" }, h("code", {}, row.model), row.reason && ` ${row.reason}`)]], ["Cost", (row) => usd(row.usd), "num"], ["Each", (row) => usd(row.usd_per_answer), "num"],
    ["Of what was billed", (row) => (row.factor === null ? "–" : `${+row.factor.toPrecision(3)}x`), "num"]], money.lock_in), h("p", { class: "small faint" }, money.lock_in_basis));
}

function projectionCard(money) {
  if (!money.projections.length) return null;
  const bases = [...new Set(money.projections.map((each) => each.basis))];
  return h("div", { class: "card" }, table("A month with one such outage", [["An outage like", (row) => [row.episode, row.reason && h("div", { class: "small soft" }, row.reason)]], ["Calls a day", (row) => count(Math.round(row.volume_per_day)), "num"], ["Lasting", (row) => seconds(row.outage_s), "num"],
    ["Month without it", (row) => usd(row.month_usd), "num"], ["Billed while it lasts", (row) => usd(row.outage_usd), "num"], ["Normally in that time", (row) => usd(row.usual_usd), "num"], ["Difference", (row) => usd(row.extra_usd), "num"],
    ["Answers lost", (row) => (row.lost_answers === null ? "–" : count(Math.round(row.lost_answers))), "num"]], money.projections),
  bases.map((each) => h("p", { class: "small faint" }, `Assumed: ${each}.`)));
}

function booksCard(money) {
  if (!money.books.length) return null;
  return h("div", { class: "card" }, table("The router's books against the invoices", [["Source", (row) => [row.source, row.reason && h("div", { class: "small soft" }, row.reason)]], ["What", (row) => row.what], ["Said", (row) => (row.said === null ? "–" : count(+row.said.toPrecision(6))), "num"], ["Billed", (row) => (row.billed === null ? "–" : count(+row.billed.toPrecision(6))), "num"],
    ["Said ÷ billed", (row) => (row.ratio === null ? "–" : `${+row.ratio.toPrecision(4)}x`), "num"], ["Calls off", (row) => count(row.off), "num"]], money.books),
  money.books.some((row) => row.said !== null && row.source.includes("_")) && h("p", { class: "small faint" }, "Names with underscores are the router's own metrics."));
}
