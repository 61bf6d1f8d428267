// Reads the data and puts the parts of the page together.

function showHead({ facts }) {
  byId("cassettes").append(...facts.cassettes.map(({ path, server, upstream, recorded_at: at }, index) => element("li", {},
    facts.cassettes.length > 1 ? `${index + 1}: ` : null, element("b", {}, path), ` · ${server ?? "unknown server"}${upstream ? ` · ${upstream}` : ""} · recorded at ${at.replace("T", " ")}`)));
  const { exchanges, events, problems, messages_left_out: left } = facts.counts;
  byId("totals").textContent = `${plural(exchanges, "exchange")}, ${plural(events, "event")} in ${formatDuration(facts.seconds)}, `
    + `${problems ? plural(problems, "problem") : "no problem"}${left ? `; the page has no room for ${plural(left, "message")}` : ""}`;
  document.title = `${facts.cassettes.map(({ path }) => path.split("/").at(-1)).slice(0, 3).join(", ")} · mesotape report`;
}

function showTypes(data, timeline) {
  const counts = new Map();
  for (const type of data.events.type) counts.set(type, (counts.get(type) ?? 0) + 1);
  const chips = [...timeline.marks.colorOfType.keys()].slice(0, 60).map((type) => {
    const swatch = element("i");
    swatch.style.background = timeline.marks.colorOfEvent(type);
    const chip = element("button", { type: "button", "aria-pressed": "true" }, swatch, data.texts[type], element("span", { className: "count" }, formatNumber(counts.get(type))));
    chip.onclick = () => {
      const isShown = timeline.hidden.has(type);
      timeline.hidden[isShown ? "delete" : "add"](type);
      chip.setAttribute("aria-pressed", String(isShown));
      timeline.redraw();
    };
    return chip;
  });
  byId("types").replaceChildren(...chips);
}

function bindButtons(view) {
  byId("zoom-in").onclick = () => view.zoom(0.5);
  byId("zoom-out").onclick = () => view.zoom(2);
  byId("earlier").onclick = () => view.pan(-0.5);
  byId("later").onclick = () => view.pan(0.5);
  byId("zoom-all").onclick = () => view.showAll();
  const showRange = () => {
    const digits = Math.max(0, Math.ceil(1 - Math.log10(view.to - view.from)));
    byId("range").textContent = `${formatTime(view.from, digits)} to ${formatTime(view.to, digits)}`;
  };
  view.listeners.push(showRange);
  showRange();
}

async function main() {
  const data = await readData();
  showHead(data);
  const view = new View(data.facts.seconds);
  const close = () => {
    byId("details").hidden = true;
    document.body.classList.remove("with-details");
    timeline.chosen = null;
    resize();
  };
  const select = async (place) => {
    await showDetails(data, place, select, close);
    resize();
    timeline.choose(place);
  };
  const timeline = new Timeline(data, view, select);
  const charts = showStates(data, view);
  const resize = () => {
    timeline.resize();
    for (const chart of charts) chart.setSize({ width: byId("charts").clientWidth, height: 130 });
  };
  addEventListener("resize", resize);
  addEventListener("keydown", (event) => { if (event.key === "Escape" && !byId("details").hidden) close(); });
  showTypes(data, timeline);
  showReceipt(data, select);
  showProblems(data, select);
  showCallTypes(data);
  new CallList(data, select);
  bindButtons(view);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    timeline.marks.readColors();
    showTypes(data, timeline);
    for (const chart of view.charts) chart.redraw(false, true);
  });
  document.documentElement.dataset.ready = "true";
}

main().catch((error) => {
  byId("totals").textContent = `This page cannot be shown: ${error}`;
  throw error;
});
