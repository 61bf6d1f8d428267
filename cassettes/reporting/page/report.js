// Reads the data and puts the parts of the page together.

function showHead({ facts }) {
  byId("cassettes").append(...facts.cassettes.map(({ path, server, upstream, recorded_at: at }, index) => element("li", {},
    facts.cassettes.length > 1 ? `${index + 1}: ` : null, element("b", {}, path), ` · ${server ?? "unknown server"}${upstream ? ` · ${upstream}` : ""} · recorded at ${at.replace("T", " ")}`)));
  const { exchanges, events, problems, messages_left_out: left } = facts.counts;
  byId("totals").textContent = `${plural(exchanges, "exchange")}, ${plural(events, "event")}${facts.seconds ? ` in ${formatDuration(facts.seconds)}` : ""}, `
    + `${problems ? plural(problems, "problem") : "no problem"}${left ? `; the page has no room for ${plural(left, "message")}` : ""}`;
  document.title = `${facts.cassettes.map(({ path }) => path.split("/").at(-1)).slice(0, 3).join(", ")} · mesotape report`;
}

function showTypes(data, timeline) {
  const chips = timeline.marks.types.slice(0, MOST_TYPES).map(({ type, count }, rank) => {
    const swatch = element("i");
    swatch.style.background = timeline.marks.colorOfRank(rank);
    const isShown = () => !timeline.hidden.has(rank);
    const chip = element("button", { type: "button", "aria-pressed": String(isShown()) }, swatch, data.texts[type], element("span", { className: "count" }, formatNumber(count)));
    chip.onclick = () => {
      timeline.hidden[isShown() ? "add" : "delete"](rank);
      chip.setAttribute("aria-pressed", String(isShown()));
      timeline.redraw();
    };
    return chip;
  });
  byId("types").replaceChildren(...chips);
}

function bindButtons(view, facts) {
  byId("zoom-in").onclick = () => view.zoom(0.5);
  byId("zoom-out").onclick = () => view.zoom(2);
  byId("earlier").onclick = () => view.pan(-0.5);
  byId("later").onclick = () => view.pan(0.5);
  byId("zoom-all").onclick = () => view.showAll();
  const showRange = () => {
    const [from, to] = [Math.max(view.from, 0), Math.min(view.to, view.last)]; // Without the margins.
    const digits = Math.max(0, Math.ceil(2 - Math.log10(to - from)));
    const begin = Date.parse(facts.begin);
    const wall = (seconds) => new Date(begin + seconds * 1000).toISOString().replace("T", " ");
    byId("range").textContent = `${formatTime(from, digits)} to ${formatTime(to, digits)}${to < 60 ? " s" : ""} (${wall(from)} to ${wall(to)})`;
  };
  view.listeners.push(showRange);
  showRange();
}

async function main() {
  const data = await readData();
  showHead(data);
  const view = new View(data.facts.seconds);
  const close = () => {
    asked = null;
    byId("details").hidden = true;
    document.body.classList.remove("with-details");
    timeline.chosen = null;
    resize();
  };
  let asked = null;
  const select = async (place) => {
    asked = place;
    const elements = await detailElements(data, place, select);
    if (asked !== place) return; // Another one was chosen while this was unpacked.
    showDetails(data, place, elements, close);
    resize();
    timeline.choose(place);
  };
  const timeline = new Timeline(data, view, select);
  const charts = showStates(data, view);
  const resize = () => {
    timeline.resize();
    for (const chart of charts) chart.setSize({ width: byId("lanes").clientWidth, height: 130 });
  };
  addEventListener("resize", resize);
  addEventListener("keydown", (event) => { if (event.key === "Escape" && !byId("details").hidden) close(); });
  showTypes(data, timeline);
  showReceipt(data, select);
  showProblems(data, select);
  showCallTypes(data);
  new CallList(data, select);
  bindButtons(view, data.facts);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    timeline.marks.readColors();
    showTypes(data, timeline);
    for (const chart of view.charts) chart.redraw(false, true);
  });
  resize(); // The page may have got a scroll bar.
  document.documentElement.dataset.ready = "true";
}

main().catch((error) => {
  byId("totals").textContent = `This page cannot be shown: ${error}`;
  throw error;
});
