// What the timeline draws: a lane a question, each over the same time axis. A series is one path, so that a long run
// stays a small document.

function lanesOf(data) {
  const line = data.timeline, providers = Object.keys(line.served), color = providerColor(data);
  const outcomes = ["ok", ...Object.keys(line.outcomes).filter((name) => name !== "ok")].filter((name) => line.outcomes[name]);
  const by = (lists) => providers.map((name) => [name, lists[name] || []]);
  const spent = line.usd_by && Object.keys(line.usd_by).length ? by(line.usd_by) : [["billed", line.usd]];
  return [
    { title: "What callers got", unit: `calls due each ${seconds(line.step_s)}`, tip: "callers got", height: 116, kind: "stack", color: outcomeColor,
      series: outcomes.map((name) => [name, line.outcomes[name]]) },
    { title: "Who answered", unit: "share of right answers", tip: "answered by", height: 62, kind: "share", color, series: by(line.served) },
    { title: "What the router asked", unit: "red: went wrong", tip: "asked", height: 78, kind: "stack", color, series: by(line.attempts), failed: line.failed },
    { title: "How long it took", unit: "median; dashed: p95", tip: "took", height: 78, kind: "lines", color: (name) => (name === "p95" ? "var(--p2)" : "var(--p0)"),
      series: [["p50", line.p50_s], ["p95", line.p95_s]], text: seconds },
    { title: "What it cost", unit: `billed for the calls due`, tip: "billed", height: 62, kind: "stack", color: (name) => (name === "billed" ? "var(--p3)" : color(name)), series: spent, text: usd },
  ];
}

// The instants of an episode that are worth a mark.
function marks(episode) {
  const found = [];
  const add = (name, base, key) => {
    const value = episode.times[key];
    if (base !== null && value && value.value !== null && !value.censored) found.push({ name, at: base + value.value });
  };
  add("failed over", episode.first_bite_s, "time_to_fail_over");
  add("recovered", episode.until_s, "time_to_recover");
  add("preferred provider back", episode.until_s, "time_to_revert");
  return found;
}

function drawLane(lane, frame) {
  const { first, last, left, right, top, x, step_s } = frame;
  const bottom = top + lane.height;
  const total = (step) => lane.series.reduce((sum, [, list]) => sum + (list[step] || 0), 0);
  let most = lane.kind === "share" ? 1 : 0;
  for (let step = first; step < last; step++) {
    most = Math.max(most, lane.kind === "lines" ? Math.max(...lane.series.map(([, list]) => list[step] || 0)) : lane.kind === "share" ? 1 : total(step));
  }
  most = (most || 1) * (lane.kind === "share" ? 1 : 1.06);
  const y = (value) => bottom - (value / most) * lane.height;
  const parts = [s("text", { class: "halo lane-name", x: left > 52 ? left : 2, y: top - 9 }, s("tspan", { style: { fill: "var(--ink)", fontWeight: 650, fontSize: "12.5px" } }, lane.title), s("tspan", { dx: 8 }, lane.unit))];
  const text = lane.text || (lane.kind === "share" ? percent : String);
  for (const tick of ticks(0, most, lane.kind === "share" ? 2 : 3)) {
    parts.push(s("line", { class: tick ? "grid" : "axis", x1: left, x2: right, y1: y(tick), y2: y(tick) }));
    parts.push(s("text", { x: left - 7, y: y(tick) + 4, "text-anchor": "end" }, text(tick)));
  }
  return [...parts, ...(lane.kind === "lines" ? drawLines() : drawBars())];

  function drawBars() {
    const sums = [], drawn = [], gap = x(step_s) - x(0) > 4 ? 0.5 : 0;
    const put = (rows, step, low, high) => {
      const from = Math.max(x(step * step_s), left) + gap, until = Math.min(x((step + 1) * step_s), right) - gap;
      rows.push(`M${from.toFixed(1)},${y(high).toFixed(1)}H${Math.max(until, from + 0.6).toFixed(1)}V${y(low).toFixed(1)}H${from.toFixed(1)}Z`);
    };
    for (const [name, list] of lane.series) {
      const fine = [], failed = [];
      for (let step = first; step < last; step++) {
        if (!list[step]) continue;
        const whole = lane.kind === "share" ? total(step) : 1, low = sums[step] || 0, high = low + list[step] / whole;
        const bad = lane.failed ? Math.min(lane.failed[name][step], list[step]) : 0;
        if (high > low + bad) put(fine, step, low + bad, high);
        if (bad) put(failed, step, low, low + bad);
        sums[step] = high;
      }
      if (fine.length) drawn.push(s("path", { class: "bars", "data-series": name, "data-bars": fine.length, d: fine.join(""), fill: lane.color(name) }));
      if (failed.length) drawn.push(s("path", { class: "bars", "data-series": `${name} failed`, "data-bars": failed.length, d: failed.join(""), fill: "var(--error)" }));
    }
    return drawn;
  }

  function drawLines() {
    return lane.series.map(([name, list]) => {
      let path = "", pen = false;
      for (let step = first; step < last; step++) {
        if (list[step] === null) { pen = false; continue; }
        const at = x((step + 0.5) * step_s).toFixed(1), height = y(list[step]).toFixed(1);
        // A step alone between two without answers is a short dash, not nothing.
        path += pen ? `L${at},${height}` : `M${at},${height}h0.1`;
        pen = true;
      }
      return s("path", { d: path, fill: "none", stroke: lane.color(name), "stroke-width": 2, "stroke-linejoin": "round", "stroke-linecap": "round", "stroke-dasharray": name === "p95" ? "1 5" : null });
    });
  }
}

// The faults as bars of their own above the lanes, a row a fault and provider, each with its name.
function faultRows(data) {
  const rows = new Map();
  for (const window of data.episodes.flatMap((episode) => episode.windows)) {
    const key = JSON.stringify([window.provider, window.fault]);
    if (!rows.has(key)) rows.set(key, { name: `${window.provider}: ${window.fault}`, provider: window.provider, fault: window.fault, windows: [] });
    rows.get(key).windows.push(window);
  }
  return [...rows.values()];
}

function drawFaults(rows, frame) {
  const { left, right, top, bottom, x, high, font } = frame;
  const box = (each) => ({ x: Math.max(x(each.from_s), left), width: Math.max(Math.min(x(each.until_s), right) - Math.max(x(each.from_s), left), 1.5) });
  const inside = (row) => row.windows.filter((each) => x(each.until_s) > left && x(each.from_s) < right);
  // Where all is one provider's, a name may do without it.
  const alone = rows.every((each) => each.provider === rows[0].provider);
  // A name stands in its bar, or else beside it, after or before; over bars only where a row has no room between them.
  function place(shown, name) {
    const boxes = shown.map(box), wide = name.length * font, roomy = boxes.find((each) => each.width > wide + 12);
    if (roomy) return { class: "band-name", x: roomy.x + 6 };
    for (const [index, each] of boxes.entries()) {
      const end = each.x + each.width, next = index + 1 < boxes.length ? boxes[index + 1].x : right;
      if (next - end > wide + 10) return { class: "band-name", x: end + 6 };
    }
    return boxes[0].x > wide + 8 ? { class: "band-name", x: boxes[0].x - 6, "text-anchor": "end" } : null;
  }
  const bands = rows.flatMap(inside).map((each) => s("rect", { class: "band", ...box(each), y: top, height: bottom - top }));
  return [bands, ...rows.slice(0, ROWS_MAX).map((row, index) => {
    const y = top + index * high, shown = inside(row);
    if (!shown.length) return [];
    const name = [row.name, ...(alone ? [row.fault] : [])].find((each) => place(shown, each)) || row.name;
    const over = { class: "band-name halo", x: Math.max(Math.min(box(shown[0]).x + 6, right - name.length * font), left) };
    return [
      ...shown.map((each) => s("rect", { class: "fault", ...box(each), y, height: high - 4, rx: 3 }, s("title", {}, `${row.name}, ${seconds(each.from_s)} to ${seconds(each.until_s)}`))),
      s("text", { ...(place(shown, name) || over), y: y + high / 2 + 2 }, name),
    ];
  })].flat();
}
