// The interactive timeline: tracks over one time axis, fault bands behind them, hover, keys and zoom.
const OUTCOME_COLORS = {
  ok: "--ok", late: "--late", error: "--error", refused: "--refused", hung: "--hung", stitched: "--silent",
  foreign: "--silent", corrupted: "--silent", truncated: "--silent", shortened: "--silent", unsent: "--none", unknown: "--none",
};
const outcomeColor = (name) => `var(${OUTCOME_COLORS[name] || "--none"})`;

function providerColor(data) {
  const names = Object.keys(data.timeline.served);
  return (name) => `var(--p${Math.min(Math.max(names.indexOf(name), 0), 5)})`;
}

function ticks(from, until, most) {
  const rough = (until - from) / most;
  const power = 10 ** Math.floor(Math.log10(rough || 1));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough) || power;
  const found = [];
  for (let at = Math.ceil(from / step - 1e-9) * step; at <= until + step * 1e-6; at += step) found.push(+at.toFixed(9));
  return found;
}

// The instants of an episode that are worth a mark.
function marks(episode) {
  const t0 = episode.first_bite_s;
  const seen = (key) => {
    const value = episode.times[key];
    return value && value.value !== null && !value.censored ? value.value : null;
  };
  const found = [];
  const add = (name, base, key) => { const value = seen(key); if (base !== null && value !== null) found.push({ name, at: base + value }); };
  add("failed over", t0, "time_to_fail_over");
  add("recovered", episode.until_s, "time_to_recover");
  add("reverted", episode.until_s, "time_to_revert");
  return found;
}

function timelineChart(data) {
  const line = data.timeline;
  const color = providerColor(data);
  const providers = Object.keys(line.served);
  const end = line.step_s * line.steps;
  const state = { from: 0, until: end, at: null, drag: null };
  const WIDTH = 1060, LEFT = 52, RIGHT = 22, TOP = 56, GAP = 30, AXIS = 22;
  const tracks = [
    { title: `Calls due per ${seconds(line.step_s)}, by outcome`, height: 120, kind: "stack", color: outcomeColor,
      series: ["ok", ...Object.keys(line.outcomes).filter((name) => name !== "ok")].filter((name) => line.outcomes[name]).map((name) => [name, line.outcomes[name]]) },
    { title: "Right answers, by the provider that gave them", height: 84, kind: "stack", color, series: providers.map((name) => [name, line.served[name]]) },
    { title: "Attempts the router made, by provider (red: bitten or failed)", height: 84, kind: "stack", color, series: providers.map((name) => [name, line.attempts[name]]), failed: line.failed },
    { title: "Latency of right answers: p50 and p95", height: 84, kind: "lines", color: (name) => (name === "p95" ? "var(--p3)" : "var(--p0)"), series: [["p50", line.p50_s], ["p95", line.p95_s]], unit: seconds },
  ];
  const height = TOP + tracks.reduce((sum, track) => sum + track.height + GAP, 0) - GAP + AXIS;
  const x = (at) => LEFT + ((at - state.from) / (state.until - state.from)) * (WIDTH - LEFT - RIGHT);
  const svg = s("svg", { viewBox: `0 0 ${WIDTH} ${height}`, role: "img", tabindex: 0, "aria-label":
    "Timeline of the run. Arrow keys move through it, plus and minus zoom, Escape shows everything. The same numbers stand in the table below." });
  const tip = h("div", { class: "tip", hidden: true, role: "status" });
  const reset = h("button", { type: "button", disabled: true }, "Show everything");

  function visible() {
    return [Math.max(0, Math.floor(state.from / line.step_s + 1e-9)), Math.min(line.steps, Math.ceil(state.until / line.step_s - 1e-9))];
  }

  function drawTrack(track, top, first, last) {
    const bottom = top + track.height;
    const totals = [];
    for (let step = first; step < last; step++) {
      const values = track.series.map(([, list]) => list[step] || 0);
      totals.push(track.kind === "stack" ? values.reduce((sum, each) => sum + each, 0) : Math.max(...values));
    }
    const most = Math.max(...totals, track.kind === "stack" ? 1 : 1e-3) * 1.05;
    const y = (value) => bottom - (value / most) * track.height;
    const parts = [s("text", { class: "title", x: LEFT, y: top - 7 }, track.title)];
    for (const tick of ticks(0, most, 3)) {
      parts.push(s("line", { class: tick ? "grid" : "axis", x1: LEFT, x2: WIDTH - RIGHT, y1: y(tick), y2: y(tick) }));
      parts.push(s("text", { x: LEFT - 8, y: y(tick) + 4, "text-anchor": "end" }, track.unit ? track.unit(tick) : tick));
    }
    if (track.kind === "stack") {
      for (let step = first; step < last; step++) {
        let sum = 0;
        const left = Math.max(x(step * line.step_s), LEFT) + 0.5;
        const width = Math.max(Math.min(x((step + 1) * line.step_s), WIDTH - RIGHT) - left - 0.5, 0.6);
        for (const [name, list] of track.series) {
          if (!list[step]) continue;
          parts.push(s("rect", { x: left, width, y: y(sum + list[step]), height: y(sum) - y(sum + list[step]), fill: track.color(name) }));
          const bad = track.failed ? track.failed[name][step] : 0;
          if (bad) parts.push(s("rect", { x: left, width, y: y(sum + bad), height: y(sum) - y(sum + bad), fill: "var(--error)" }));
          sum += list[step];
        }
      }
    } else {
      for (const [name, list] of track.series) {
        let path = "", pen = false;
        for (let step = first; step < last; step++) {
          if (list[step] === null) { pen = false; continue; }
          path += `${pen ? "L" : "M"}${x((step + 0.5) * line.step_s).toFixed(1)},${y(list[step]).toFixed(1)}`;
          pen = true;
        }
        parts.push(s("path", { d: path, fill: "none", stroke: track.color(name), "stroke-width": 1.75, "stroke-linejoin": "round" }));
      }
    }
    return parts;
  }

  function drawBands(bottom) {
    const parts = [];
    let free = 0;
    for (const episode of data.episodes) {
      for (const window of episode.windows) {
        const left = Math.max(x(window.from_s), LEFT), right = Math.min(x(window.until_s), WIDTH - RIGHT);
        if (right <= left) continue;
        parts.push(s("rect", { class: "band", x: left, width: right - left, y: 16, height: bottom - 16 }));
      }
      const left = Math.max(x(episode.from_s), LEFT);
      if (left < WIDTH - RIGHT && x(episode.until_s) > LEFT) {
        const faults = [...new Set(episode.windows.map((each) => each.fault))].join(" + ");
        // Windows of two providers may overlap; their names must not.
        const name = `${episode.provider}: ${faults}`, at = Math.max(left + 4, free);
        parts.push(s("text", { class: "band-name", x: at, y: 11 }, name));
        free = at + name.length * 7;
      }
    }
    return parts;
  }

  // Over the bars, which hide the bands.
  function drawEdges(bottom) {
    const edges = data.episodes.flatMap((episode) => episode.windows.flatMap((window) => [window.from_s, window.until_s]));
    return [...new Set(edges)].filter((at) => at >= state.from && at <= state.until)
      .map((at) => s("line", { class: "band-edge", x1: x(at), x2: x(at), y1: 16, y2: bottom }));
  }

  function drawMarks(bottom) {
    const found = data.episodes.flatMap(marks).filter((each) => each.at >= state.from && each.at <= state.until);
    found.sort((a, b) => a.at - b.at);
    let free = 0;
    return found.flatMap((each) => {
      const at = x(each.at);
      const label = at < free ? null : s("text", { class: "mark-name", x: Math.min(at + 4, WIDTH - 80), y: 32 }, each.name);
      if (label) free = at + 74;
      return [s("line", { class: "mark", x1: at, x2: at, y1: 24, y2: bottom }, s("title", {}, `${each.name} at ${seconds(each.at)}`)), label];
    });
  }

  function draw() {
    const [first, last] = visible();
    const bottom = height - AXIS;
    const parts = drawBands(bottom);
    let top = TOP;
    for (const track of tracks) { parts.push(...drawTrack(track, top, first, last)); top += track.height + GAP; }
    for (const tick of ticks(state.from, state.until, 10)) {
      parts.push(s("text", { x: x(tick), y: height - 5, "text-anchor": "middle" }, seconds(tick)));
    }
    parts.push(...drawEdges(bottom), ...drawMarks(bottom).filter(Boolean));
    if (state.drag) parts.push(s("rect", { class: "brush", x: Math.min(...state.drag.map(x)), width: Math.abs(x(state.drag[1]) - x(state.drag[0])), y: TOP, height: bottom - TOP }));
    if (state.at !== null) { const at = x((state.at + 0.5) * line.step_s); parts.push(s("line", { class: "cross", x1: at, x2: at, y1: TOP, y2: bottom })); }
    svg.replaceChildren(...parts);
    reset.disabled = state.from === 0 && state.until === end;
    drawTip();
  }

  function drawTip() {
    tip.hidden = state.at === null || state.drag !== null;
    if (tip.hidden) return;
    const row = (name, value, swatch) => h("div", {}, h("span", {}, swatch && h("i", { style: { color: swatch, fontStyle: "normal" } }, "■ "), name), h("b", {}, value));
    const parts = [h("div", { class: "when" }, `${seconds(state.at * line.step_s)} to ${seconds((state.at + 1) * line.step_s)}`)];
    const titles = ["calls due", "answered by", "attempts at", "latency"];
    tracks.forEach((track, index) => {
      const rows = track.series.filter(([, list]) => list[state.at]).map(([name, list]) => {
        const bad = track.failed && track.failed[name][state.at];
        return row(name, track.unit ? track.unit(list[state.at]) : bad ? `${list[state.at]} (${bad} failed)` : list[state.at], track.color(name));
      });
      if (rows.length) parts.push(h("div", { class: "group" }, titles[index]), ...rows);
    });
    tip.replaceChildren(...parts);
    const box = svg.getBoundingClientRect();
    const at = (x((state.at + 0.5) * line.step_s) / WIDTH) * box.width;
    tip.style.left = at < box.width / 2 ? `${at + 14}px` : "auto";
    tip.style.right = at < box.width / 2 ? "auto" : `${box.width - at + 14}px`;
    tip.style.top = `${(TOP / height) * box.height}px`;
  }

  function timeAt(event) {
    const box = svg.getBoundingClientRect();
    const inside = ((event.clientX - box.left) / box.width) * WIDTH;
    const at = state.from + ((inside - LEFT) / (WIDTH - LEFT - RIGHT)) * (state.until - state.from);
    return Math.min(Math.max(at, state.from), state.until);
  }
  const stepAt = (at) => Math.min(Math.max(Math.floor(at / line.step_s), 0), line.steps - 1);
  function zoom(from, until) {
    const least = 4 * line.step_s;
    if (until - from < least) { const middle = (from + until) / 2; from = middle - least / 2; until = middle + least / 2; }
    state.from = Math.max(0, from);
    state.until = Math.min(end, Math.max(until, state.from + Math.min(least, end)));
    draw();
  }
  svg.addEventListener("pointermove", (event) => {
    const at = timeAt(event);
    if (state.drag) state.drag[1] = at;
    state.at = stepAt(at);
    draw();
  });
  svg.addEventListener("pointerleave", () => { if (!state.drag) { state.at = null; draw(); } });
  svg.addEventListener("pointerdown", (event) => { if (event.button) return; const at = timeAt(event); state.drag = [at, at]; });
  window.addEventListener("pointerup", () => {
    if (!state.drag) return;
    const [from, until] = [Math.min(...state.drag), Math.max(...state.drag)];
    state.drag = null;
    if (until - from > (state.until - state.from) / 100) zoom(from, until); else draw();
  });
  svg.addEventListener("dblclick", () => zoom(0, end));
  reset.addEventListener("click", () => zoom(0, end));
  svg.addEventListener("keydown", (event) => {
    const middle = state.at === null ? (state.from + state.until) / 2 : (state.at + 0.5) * line.step_s;
    const half = (state.until - state.from) / 2;
    if (event.key === "ArrowRight") state.at = stepAt(state.at === null ? state.from : (state.at + 1.5) * line.step_s);
    else if (event.key === "ArrowLeft") state.at = stepAt(state.at === null ? state.until : (state.at - 0.5) * line.step_s);
    else if (event.key === "+" || event.key === "=") zoom(middle - half / 2, middle + half / 2);
    else if (event.key === "-") zoom(middle - half * 2, middle + half * 2);
    else if (event.key === "Escape") { state.at = null; zoom(0, end); }
    else return;
    event.preventDefault();
    draw();
  });
  svg.addEventListener("blur", () => { state.at = null; draw(); });
  draw();
  return h("div", {},
    h("div", { class: "tools" },
      h("div", {}, legend(tracks[0].series.map(([name]) => name), outcomeColor), legend(providers, color)),
      reset),
    h("div", { class: "chart", id: "timeline-chart" }, svg, tip));
}
