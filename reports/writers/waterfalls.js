// The worst calls, attempt by attempt: a waterfall, the provider's words, and a line that asks again.
function waterfall(call, width) {
  const color = providerColor(data), narrow = width < 560;
  const end = Math.max(call.ended_s || 0, ...call.attempts.map((each) => each.until_s), 0.001);
  const left = narrow ? 84 : 150, right = narrow ? 4 : 190, high = narrow ? 40 : 28;
  const x = (at) => left + (Math.max(at, 0) / end) * (width - left - right);
  const rows = [
    { name: "caller", from: call.sent_s === null ? 0 : call.sent_s, first: call.first_token_s, until: call.ended_s, fill: outcomeColor(call.outcome), note: `got ${[call.outcome, call.status].filter((each) => each !== null).join(", ")}` },
    ...call.attempts.map((each) => ({ name: each.provider, from: each.from_s, first: each.first_byte_s, until: each.until_s, fill: each.fault || each.status >= 400 ? "var(--error)" : color(each.provider),
      note: [each.status === null ? "no status" : each.status, each.fault ? each.fault.replace(/^\d+:/, "") : null, each.ended_by === "complete" || each.fault ? null : `ended by ${each.ended_by}`].filter((part) => part !== null).join(", ") })),
  ];
  const height = rows.length * high + 24, few = ticks(0, end, narrow ? 3 : 6);
  return s("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Call ${call.call}: ${rows.map((row) => `${row.name} ${seconds(row.from)} to ${seconds(row.until)}, ${row.note}`).join("; ")}` },
    few.map((tick) => [s("line", { class: "grid", x1: x(tick), x2: x(tick), y1: 0, y2: height - 20 }), s("text", { x: x(tick), y: height - 5, "text-anchor": "middle" }, seconds(tick))]),
    rows.map((row, index) => {
      const y = index * high + (narrow ? 15 : 4), name = s("text", { x: left - 10, y: y + 13, "text-anchor": "end", style: { fill: "var(--ink)", fontWeight: index ? 400 : 650 } }, row.name.slice(0, narrow ? 12 : 22));
      if (row.until === null) return [name, s("text", { x: left, y: y + 13 }, "no record")];
      const from = x(row.from), until = Math.max(x(row.until), from + 2), first = row.first === null ? until : Math.min(Math.max(x(row.first), from), until);
      return [name,
        s("rect", { x: from, y, width: Math.max(first - from, 0), height: 18, rx: 3, fill: row.fill, opacity: row.first === null ? 1 : 0.45 }, s("title", {}, `waited ${seconds((row.first === null ? row.until : row.first) - row.from)}`)),
        row.first !== null && s("rect", { x: first, y, width: Math.max(until - first, 1.5), height: 18, rx: 3, fill: row.fill }, s("title", {}, `answered for ${seconds(row.until - row.first)}`)),
        s("text", narrow ? { class: "halo", x: left, y: y - 3 } : { class: "halo", x: until + 8, y: y + 13 }, `${row.note}, ${seconds(row.until - row.from)}`)];
    }));
}

function worst() {
  if (!data.worst.length) return null;
  const lost = data.verdict !== "pass" || data.worst.some((each) => each.outcome !== "ok");
  return section("worst", lost ? "The worst calls" : "The calls that needed most attempts",
    `What single callers lived through${lost ? ", at most three of a kind" : ""}, attempt by attempt: pale while waiting for the first word, full while words came. With the provider's own words (secrets removed) and a line that asks the same again.`,
    h("div", { class: "card" }, data.worst.map((call, index) => h("details", { open: index === 0 },
      h("summary", {}, h("b", {}, `Call ${call.call}`), h("span", { class: "soft" }, ` due at ${seconds(call.due_s)}, ${call.stream ? "streamed" : "plain"} ${call.shape}, caller ${call.caller}`),
        h("span", { class: `tag ${call.outcome === "ok" ? "good" : "bad"}` }, call.outcome), call.silent && h("span", { class: "tag bad" }, "silent"),
        h("span", { class: "tag" }, call.attempts.length ? plural(call.attempts.length, "attempt") : "no provider was asked")),
      responsive((width) => waterfall(call, width)),
      call.words && h("div", { class: "words" }, h("div", { class: "small soft" }, `The caller got${call.error ? ` (${call.error})` : ""}`), h("pre", { tabindex: 0 }, call.words)),
      call.attempts.filter((each) => each.words).map((each) => h("div", { class: "words" }, h("div", { class: "small soft" }, `${each.provider} said`), h("pre", { tabindex: 0 }, each.words))),
      h("div", { class: "words" }, h("div", { class: "small soft" }, `Ask the ${ROUTERLESS ? "provider" : "router"} the same again, while one listens at this address`), copyable(call.curl)),
      call.attempts.length > 0 && h("details", { class: "words" }, h("summary", { class: "small soft" }, "Attempts in numbers"),
        table(null, [["Attempt", (row) => h("code", {}, row.attempt)], ["Provider", (row) => row.provider], ["Model", (row) => row.model || "–"], ["Key", (row) => (row.credential ? h("code", {}, row.credential) : "–")], ["Status", (row) => (row.status === null ? "–" : row.status), "num"],
          ["Fault", (row) => row.fault || "–"], ["Ended by", (row) => row.ended_by], ["Arrived", (row) => seconds(row.from_s), "num"],
          ["Ended", (row) => seconds(row.until_s), "num"], ["Tokens", (row) => row.delivered_tokens, "num"], ["USD", (row) => usd(row.usd), "num"]], call.attempts))))));
}
