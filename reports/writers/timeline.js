// The interactive timeline: lanes over one time axis, fault bands behind them; hover, keys, wheel, buttons and drag.
const LANE_GAP = 34, AXIS = 26, FAULT_HIGH = 22, DOTS = 24, ROWS_MAX = 8, MARKS_MAX = 12;

function timelineChart(data) {
  const line = data.timeline, end = line.step_s * line.steps, least = Math.min(4 * line.step_s, end);
  const lanes = lanesOf(data), rows = faultRows(data), high = FAULT_HIGH * Math.min(rows.length, ROWS_MAX);
  const all = data.episodes.flatMap(marks).filter((each) => each.at <= end).sort((a, b) => a.at - b.at);
  const seen = all.length > MARKS_MAX ? [] : all;  // so many would only hide the lanes; the episodes tell them too
  const state = { from: 0, until: end, at: null, drag: null };
  const top = 4 + high + (seen.length ? DOTS : 0) + 22;
  const height = top + lanes.reduce((sum, lane) => sum + lane.height + LANE_GAP, 0) - LANE_GAP + AXIS;
  const bottom = height - AXIS;
  let width = 0, left = 54, right = 0;
  const x = (at) => left + ((at - state.from) / (state.until - state.from)) * (right - left);

  const still = s("g", {}), moving = s("g", {});
  const svg = s("svg", { role: "img", "aria-label": "Calls, answers, requests, latency and cost over time; the same numbers stand in the table below" }, still, moving);
  const tip = h("div", { class: "tip", hidden: true });
  const chart = h("div", { class: "chart", id: "timeline-chart", tabindex: 0, role: "slider", "aria-label": "Time in the run", "aria-orientation": "horizontal",
    "aria-valuemin": 0, "aria-valuemax": line.steps - 1, "aria-valuenow": 0, "aria-valuetext": "whole run", "aria-describedby": "timeline-hint" }, svg, tip);

  function drawDots() {
    let free = -Infinity;
    return seen.flatMap((each, index) => {
      if (each.at < state.from || each.at > state.until) return [];
      const at = x(each.at), y = 4 + high + DOTS / 2 - 2;
      const dot = Math.min(Math.max(at, free), right - 8);
      free = dot + 19;
      return [s("path", { class: "mark", fill: "none", d: `M${dot},${y}L${at},${y + 14}V${bottom}` }), s("circle", { class: "dot", cx: dot, cy: y, r: 8.5 }, s("title", {}, `${each.name} at ${seconds(each.at)}`)),
        s("text", { class: "dot-name", x: dot, y: y + 4, "text-anchor": "middle" }, index + 1)];
    });
  }

  function draw() {
    if (!width) return;
    const first = Math.max(0, Math.floor(state.from / line.step_s + 1e-9)), last = Math.min(line.steps, Math.ceil(state.until / line.step_s - 1e-9));
    const frame = { first, last, left, right, x, step_s: line.step_s };
    const parts = drawFaults(rows, { left, right, top: 4, bottom, x, high: FAULT_HIGH, font: 7.1 });
    let at = top;
    for (const lane of lanes) { parts.push(...drawLane(lane, { ...frame, top: at })); at += lane.height + LANE_GAP; }
    for (const tick of ticks(state.from, state.until, width < 560 ? 5 : 10, true)) {
      const name = seconds(tick), over = x(tick) + name.length * 3.4 > width;
      parts.push(s("text", { x: over ? width : x(tick), y: height - 6, "text-anchor": over ? "end" : "middle" }, name));
    }
    // Over the bars, which hide the bands.
    const edges = data.episodes.flatMap((episode) => episode.windows.flatMap((window) => [window.from_s, window.until_s]));
    parts.push(...[...new Set(edges)].filter((edge) => edge >= state.from && edge <= state.until)
      .map((edge) => s("line", { class: "band-edge", x1: x(edge), x2: x(edge), y1: 4, y2: bottom })));
    still.replaceChildren(...parts, ...drawDots());
    still.append(...still.querySelectorAll(".lane-name"));  // over the lines that would strike them through
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    chart.dataset.from = state.from;
    chart.dataset.until = state.until;
    const whole = state.from === 0 && state.until === end;
    for (const [button, off] of tools) button.disabled = off(whole);
    move();
  }

  function move() {
    const parts = [];
    if (state.drag) parts.push(s("rect", { class: "brush", x: Math.min(...state.drag.map(x)), width: Math.abs(x(state.drag[1]) - x(state.drag[0])), y: 4, height: bottom - 4 }));
    if (state.at !== null) { const at = x((state.at + 0.5) * line.step_s); parts.push(s("line", { class: "cross", x1: at, x2: at, y1: 4, y2: bottom })); }
    moving.replaceChildren(...parts);
    drawTip();
  }

  const reading = (lane, name, value, step) => {
    if (lane.text) return lane.text(value);
    const bad = lane.failed ? lane.failed[name][step] : 0;
    const whole = lane.kind === "share" ? lane.series.reduce((sum, [, list]) => sum + list[step], 0) : 0;
    return bad ? `${value} (${bad} failed)` : whole ? `${value} (${percent(value / whole)})` : String(value);
  };

  function drawTip() {
    tip.hidden = state.at === null || state.drag !== null;
    if (state.at === null) return;
    const when = `${seconds(state.at * line.step_s)} to ${seconds((state.at + 1) * line.step_s)}`, parts = [h("div", { class: "when" }, when)], said = [];
    for (const lane of lanes) {
      const found = lane.series.filter(([, list]) => list[state.at]);
      if (!found.length) continue;
      parts.push(h("div", { class: "group" }, lane.tip));
      for (const [name, list] of found) {
        const value = reading(lane, name, list[state.at], state.at);
        said.push(`${lane.tip} ${name} ${value}`);
        parts.push(h("div", {}, h("span", {}, h("i", { style: { color: lane.color(name) } }, "■ "), name), h("b", {}, value)));
      }
    }
    chart.setAttribute("aria-valuenow", state.at);
    chart.setAttribute("aria-valuetext", `${when}: ${said.join(", ") || "no calls"}`);
    if (tip.hidden) return;
    tip.replaceChildren(...parts);
    const at = x((state.at + 0.5) * line.step_s), room = chart.clientWidth - 8;
    const beside = at < room / 2 ? at + 14 : at - 14 - tip.offsetWidth;
    tip.style.left = `${Math.min(Math.max(beside, 4), Math.max(room - tip.offsetWidth, 4))}px`;
    tip.style.top = `${top}px`;
  }

  const timeAt = (event) => {
    const at = state.from + ((event.clientX - chart.getBoundingClientRect().left - left) / (right - left)) * (state.until - state.from);
    return Math.min(Math.max(at, state.from), state.until);
  };
  const stepAt = (at) => Math.min(Math.max(Math.floor(at / line.step_s + 1e-9), 0), line.steps - 1);
  function zoom(from, until) {
    const wide = Math.min(Math.max(until - from, least), end), middle = (from + until) / 2;
    state.from = Math.min(Math.max(0, middle - wide / 2), end - wide);
    state.until = state.from + wide;
    draw();
  }
  const around = (at, factor) => zoom(at - (at - state.from) * factor, at + (state.until - at) * factor);
  const pan = (share) => { const by = (state.until - state.from) * share; zoom(...(state.from + by < 0 ? [0, state.until - state.from] : state.until + by > end ? [end - (state.until - state.from), end] : [state.from + by, state.until + by])); };
  const middle = () => (state.at === null ? (state.from + state.until) / 2 : (state.at + 0.5) * line.step_s);
  const show = (step) => {
    state.at = Math.min(Math.max(step, 0), line.steps - 1);
    const at = (state.at + 0.5) * line.step_s, wide = state.until - state.from;
    if (at < state.from) zoom(at - wide * 0.1, at + wide * 0.9); else if (at > state.until) zoom(at - wide * 0.9, at + wide * 0.1); else move();
  };

  const button = (name, label, act, off) => {
    const made = h("button", { type: "button", "aria-label": label, title: label }, name);
    made.addEventListener("click", act);
    return [made, off];
  };
  const whole = (all) => all;
  const tools = [
    button("−", "Zoom out", () => around(middle(), 2), whole), button("+", "Zoom in", () => around(middle(), 0.5), () => state.until - state.from <= least),
    button("←", "Earlier", () => pan(-0.3), () => state.from === 0), button("→", "Later", () => pan(0.3), () => state.until === end),
    button("Whole run", "Show the whole run", () => zoom(0, end), whole),
    ...data.episodes.slice(0, 12).map((each, index) => {
      const more = (each.until_s - each.from_s) * 0.2;
      return button(data.episodes.length > 1 ? `Fault ${index + 1}` : "The fault", `Zoom to ${each.id}`, () => zoom(Math.max(each.from_s - more, 0), Math.min(each.until_s + more, end)), () => false);
    }),
  ];

  const keys = {
    ArrowRight: () => show(state.at === null ? stepAt(state.from) : state.at + 1), ArrowLeft: () => show(state.at === null ? stepAt(state.until) : state.at - 1),
    PageDown: () => pan(0.3), PageUp: () => pan(-0.3), Home: () => show(0), End: () => show(line.steps - 1),
    "+": () => around(middle(), 0.5), "=": () => around(middle(), 0.5), "-": () => around(middle(), 2), Escape: () => { state.at = null; zoom(0, end); },
  };
  chart.addEventListener("keydown", (event) => { if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return; event.preventDefault(); keys[event.key](); });
  chart.addEventListener("focus", () => { if (chart.matches(":focus-visible") && state.at === null) show(stepAt(state.from)); });
  chart.addEventListener("blur", () => { state.at = null; move(); });
  chart.addEventListener("pointermove", (event) => { const at = timeAt(event); if (state.drag) state.drag[1] = at; state.at = stepAt(at); move(); });
  chart.addEventListener("pointerleave", () => { if (!state.drag) { state.at = null; move(); } });
  chart.addEventListener("pointerdown", (event) => { if (event.button) return; const at = timeAt(event); state.drag = [at, at]; });
  window.addEventListener("pointercancel", () => { state.drag = null; move(); });
  window.addEventListener("pointerup", () => {
    if (!state.drag) return;
    const [from, until] = [Math.min(...state.drag), Math.max(...state.drag)];
    state.drag = null;
    if (until - from > (state.until - state.from) / 100) zoom(from, until); else move();
  });
  chart.addEventListener("dblclick", () => zoom(0, end));
  // A wheel alone scrolls the page; with Ctrl (a pinch on a touchpad says so too) it zooms, sideways it moves.
  chart.addEventListener("wheel", (event) => {
    if (event.ctrlKey || event.metaKey) around(timeAt(event), event.deltaY > 0 ? 1.25 : 0.8);
    else if (Math.abs(event.deltaX) > Math.abs(event.deltaY) && (state.from > 0 || state.until < end)) pan(Math.sign(event.deltaX) * 0.05);
    else return;
    event.preventDefault();
  }, { passive: false });

  function resize() {
    const now = Math.max(chart.clientWidth, 280);
    if (!chart.clientWidth || now === width) return;
    width = now;
    left = width < 560 ? 50 : 58;
    right = width - (width < 560 ? 8 : 14);
    draw();
  }
  new ResizeObserver(resize).observe(chart);

  const providers = Object.keys(line.served);
  return h("div", {},
    h("div", { class: "tools" },
      h("div", {}, legend("Calls", lanes[0].series.map(([name]) => name), outcomeColor), legend("Providers", providers, providerColor(data))),
      h("div", { class: "buttons", role: "group", "aria-label": "Zoom" }, tools.map(([each]) => each))),
    chart,
    seen.length > 0 && h("ol", { class: "keys" }, seen.map((each, index) => h("li", {}, h("i", {}, index + 1), `${each.name} at ${seconds(each.at)}`))),
    h("p", { class: "small faint hint", id: "timeline-hint" }, "Point or press → for numbers. Drag across, Ctrl + wheel, or + and − to zoom; double-click or Esc for the whole run."));
}
