// Failover, episode by episode: a strip of what callers lived through, then each phase with its time.
const PHASES = [
  ["time_to_detect", "Detect", "until it stopped asking the broken provider"],
  ["switch_gap.max", "Switch", "the slowest call's wait between one provider and the next"],
  ["time_to_fail_over", "Fail over", "until every answer was right again, from elsewhere"],
  ["time_to_recover", "Recover", "after the fault, until calls were as good and as fast as before"],
  ["time_to_revert", "Revert", "after the fault, until the preferred provider answered again"],
];
const EPISODES_OPEN = 4;
const MEANWHILE = {
  outage: "Longest stretch of bad calls", "switch_gap.p50": "Switch, half of the calls within", "switch_gap.p95": "Switch, 95 of 100 calls within",
  probe_rate: "Probes at the broken provider", retry_amplification: "Requests for each call", cost_increase: "Cost of a good answer, of what it was before", lost_calls: "Calls lost",
};

// What an episode was like for the callers: bad, served elsewhere, recovering, well again.
function strip(episode) {
  const time = (key) => { const value = episode.times[key]; return value && value.value !== null ? value : null; };
  const t0 = episode.first_bite_s, over = time("time_to_fail_over"), back = time("time_to_recover"), home = time("time_to_revert");
  if (t0 === null || over === null) return null;
  const tc = episode.until_s, failed = Math.min(t0 + over.value, tc), well = back === null ? tc : tc + back.value;
  const end = Math.max(well, home === null || home.censored ? tc : tc + home.value, tc) + (tc - t0) * 0.12;
  // Red is for callers who lost something; a router that stayed where it was and lost nobody is another matter.
  const first = episode.calls_lost ? ["var(--error)", "calls fail", "light-dark(#fff, #2a0703)"] : ["var(--late)", over.censored ? "never failed over, no call lost" : "not failed over yet, no call lost", "#2b1c00"];
  const parts = [[t0, failed, ...first], [failed, tc, "var(--p1)", over.censored ? "" : "served elsewhere", "#06231f"],
    [tc, well, "var(--late)", back && back.censored ? "not seen to recover" : "recovering", "#2b1c00"], [well, end, "var(--ok)", back && back.censored ? "" : "well again", null]];
  return responsive((width) => {
    const x = (at) => ((at - t0) / (end - t0)) * width;
    const names = [[t0, "fault bites", "start", 46], [tc, "fault ends", x(tc) > width - 34 ? "end" : "middle", 46]];
    const seen = home && !home.censored, late = seen && x(tc + home.value) > width - 70;
    // Where there is no room beside the fault's end, a line below it.
    const beside = seen && (late ? width - 100 : x(tc + home.value)) - x(tc) > 120;
    if (seen) names.push([tc + home.value, "preferred provider back", late ? "end" : "middle", beside ? 46 : 62]);
    return s("svg", { viewBox: `0 0 ${width} ${seen && !beside ? 68 : 52}`, role: "img", "aria-label": `${episode.id}: ${parts.filter(([from, until]) => until > from).map(([from, until, , name]) => `${name} for ${seconds(until - from)}`).join(", ")}` },
      parts.filter(([from, until]) => until > from).map(([from, until, fill, name, ink]) => [
        s("rect", { x: x(from), y: 2, width: Math.max(x(until) - x(from) - 1, 2), height: 26, rx: 4, fill }, s("title", {}, `${name}: ${seconds(until - from)}`)),
        x(until) - x(from) > name.length * 7 + 14 && s("text", { x: x(from) + 8, y: 19, style: { fill: ink || "var(--ink)", fontWeight: 600 } }, name)]),
      seen && s("line", { class: "mark", x1: x(tc + home.value), x2: x(tc + home.value), y1: 0, y2: 34 }),
      names.map(([at, name, anchor, y]) => s("text", { x: anchor === "end" ? width : x(at), y, "text-anchor": anchor }, name)));
  });
}

// Trouble that outlives its cause is the worst that an outage can leave behind: said in words, not as a number.
function stayedDown(episode) {
  const value = valueOf("metastable", episode.id);
  if (!value || value.value === null) return null;
  return value.value ? h("p", { class: "bad-text" }, "The trouble held itself up: the router had not recovered at least 30 s after the fault was gone.") : null;
}

function shareOf(window) {
  if (window.kind === "event" && window.share === 1) return ", an event on the system";
  const share = window.growth ? `${percent(window.growth[0])} growing to ${percent(window.growth[1])}` : percent(window.share);
  return window.share === 1 && !window.growth ? ` on all ${window.share_of}s` : ` on ${share} of ${window.share_of}s`;
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

function failover() {
  if (!data.episodes.length) return null;
  const limit = (key) => { const at = data.expectations.findIndex((each) => each.measure === key); return at < 0 ? null : ` (wanted ${told.expectations[at].wanted})`; };
  const broken = (key, episode) => data.expectations.some((each) => each.measure === key && each.state === "broken" && each.scope === episode.id);
  const slow = (value) => value.censored || value.value === null;
  return section("failover", "What failover took", "An episode is a stretch in which a provider was broken. Times count from the first request that the fault really hit, or from the fault's end.",
    data.episodes.slice(0, EPISODES_OPEN).map(card), data.episodes.length > EPISODES_OPEN && h("div", { class: "card" }, folded(`${data.episodes.length - EPISODES_OPEN} more`, () => h("div", {}, data.episodes.slice(EPISODES_OPEN).map(card)))),
    h("p", { class: "small faint" }, "Not observable from outside: ", data.not_observable.join(" ")));

  function card(episode) {
    return h("div", { class: "card" },
      h("h3", {}, episode.id),
      h("p", { class: "soft" }, byEntry(episode.windows).map((each) =>
        `${each.fault} from ${seconds(each.from_s)} to ${seconds(each.until_s)}${each.windows > 1 ? ` in ${each.windows} windows` : ""}${shareOf(each)}; requests hit: ${each.matched === null || each.matched === each.bites ? count(each.bites) : `${count(each.bites)} of ${count(each.matched)}`}. `),
      `Of ${plural(episode.calls_due, "call")} due meanwhile, ${episode.calls_lost ? count(episode.calls_lost) : "none"} ${episode.calls_lost > 1 ? "were" : "was"} lost.`),
      strip(episode),
      h("ol", { class: "steps" }, PHASES.filter(([key]) => episode.times[key]).map(([key, name, words]) => {
        const value = episode.times[key];
        return h("li", {}, h("div", { class: "label" }, name), h("div", { class: broken(key, episode) ? "value bad" : "value" }, value.text), h("p", {}, words, limit(key), value.reason && (slow(value) || value.value === 0) ? ` – ${value.reason}` : ""));
      })),
      stayedDown(episode),
      facts(Object.entries(episode.times).filter(([key, value]) => !PHASES.some(([phase]) => phase === key) && !(key.startsWith("switch_gap") && value.value === null)).map(([key, value]) =>
        [MEANWHILE[key] || key.replaceAll("_", " "), value.text, value.text === "–" && value.reason ? h("span", { class: "small" }, value.reason) : null]), "grid"));
  }
}
