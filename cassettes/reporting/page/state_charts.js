// Charts of how many tasks, agents and offers were in each state.

const STATE_COLORS = {
  staging: "c9", starting: "c4", running: "c1", killing: "c8", finished: "c0", failed: "bad", killed: "c2", error: "c5", lost: "c3",
  dropped: "c7", unreachable: "c6", gone: "unused", gone_by_operator: "soft", unknown: "text",
  active: "c1", removed: "c2", outstanding: "c0", accepted: "c1", declined: "soft", rescinded: "c2",
};

function showStates(data, view) {
  byId("states").hidden = !data.facts.states.length;
  return data.facts.states.map((facts) => stateChart(facts, view));
}

function stateChart({ title, times, states }, view) {
  const names = Object.keys(states);
  const holder = element("div");
  byId("charts").append(element("h3", {}, title), holder);
  const last = Math.max(view.last, times.at(-1));
  const series = names.map((name, index) => {
    const variable = STATE_COLORS[name] ?? `c${index % COLORS}`;
    return { label: name, value: (_, count) => (count === null || count === undefined ? "" : formatNumber(count)), stroke: () => colorOf(variable), width: 2, paths: uPlot.paths.stepped({ align: 1 }), points: { show: false } };
  });
  const options = view.options();
  const chart = new uPlot({
    ...options,
    width: byId("lanes").clientWidth,
    height: 130,
    legend: { show: true, live: true },
    padding: [8, 14, 0, 0],
    cursor: { ...options.cursor, sync: { key: "time" } },
    scales: { x: timeScale(view), y: { range: (_, least, most) => [0, Math.max(1, most * 1.08)] } },
    series: [{ label: "time", value: (_, at) => (at === null ? "" : formatTime(at, 3)) }, ...series],
    axes: [timeAxis(), { ...timeAxis(), size: gutterWidth, space: 24, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 1e6], values: (_, splits) => splits.map(formatNumber) }],
  }, [[...times, last], ...names.map((name) => [...states[name], states[name].at(-1)])], holder);
  view.adopt(chart);
  return chart;
}
