// The timeline: uPlot has the axis, the cursor and the zoom; the lanes are drawn by LaneMarks.

const LANE_HEIGHT = 24;
const MOST_LANES_SHOWN = 22;
const AXIS_HEIGHT = 34;
const HIT_PIXELS = 6;

const isNarrow = () => innerWidth < 760;
const gutterWidth = () => (isNarrow() ? 116 : 210);

// Steps of a time axis, in seconds: decimal up to 5 s, then parts of minutes, hours and days.
const TIME_STEPS = [
  ...[1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1].flatMap((unit) => [1, 2, 5].map((times) => times * unit)),
  ...[10, 15, 30, 60, 120, 300, 600, 900, 1800], ...[1, 2, 3, 6, 12, 24, 48, 120, 240].map((hours) => hours * 3600),
];

function timeAxis() {
  return {
    stroke: () => colorOf("soft"),
    grid: { stroke: () => colorOf("line"), width: 1 },
    ticks: { stroke: () => colorOf("line"), width: 1 },
    font: "12px system-ui, sans-serif",
    size: AXIS_HEIGHT,
    space: 70,
    incrs: TIME_STEPS,
    values: (chart, splits) => {
      const step = splits.length > 1 ? splits[1] - splits[0] : 1;
      let digits = 0;
      while (digits < 7 && Math.abs(step * 10 ** digits - Math.round(step * 10 ** digits)) > 1e-6) digits++;
      return splits.map((at) => formatTime(at, digits));
    },
  };
}

const timeScale = (view) => ({ time: false, auto: false, range: () => [view.from, view.to] });

// What part of the time all charts show.
class View {
  constructor(seconds) {
    this.last = Math.max(seconds, 1e-3);
    this.charts = [];
    this.listeners = [];
    [this.from, this.to] = this.whole();
  }

  whole() {
    return [-this.last * 0.01, this.last * 1.01];
  }

  show(from, to) {
    const [first, last] = this.whole();
    const span = Math.min(Math.max(to - from, 1e-6), last - first);
    const start = Math.min(Math.max(from, first), last - span);
    if (start === this.from && start + span === this.to) return;
    [this.from, this.to] = [start, start + span];
    this.draw();
  }

  showAll() {
    this.show(...this.whole());
  }

  zoom(factor, at = (this.from + this.to) / 2) {
    this.show(at - (at - this.from) * factor, at + (this.to - at) * factor);
  }

  pan(part) {
    const by = (this.to - this.from) * part;
    this.show(this.from + by, this.to + by);
  }

  center(at) {
    if (at >= this.from && at <= this.to) return;
    const half = (this.to - this.from) / 2;
    this.show(at - half, at + half);
  }

  draw() {
    for (const chart of this.charts) chart.setScale("x", { min: this.from, max: this.to });
    for (const listener of this.listeners) listener();
  }

  // Let a chart zoom this view by dragging, double-click and the wheel.
  adopt(chart) {
    this.charts.push(chart);
    chart.over.addEventListener("dblclick", () => this.showAll());
    chart.over.addEventListener("wheel", (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey) {
        event.preventDefault();
        const at = chart.posToVal(event.clientX - chart.over.getBoundingClientRect().left, "x");
        this.zoom(Math.exp(Math.max(-100, Math.min(100, event.deltaY)) / 150), at);
      } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        event.preventDefault();
        this.pan((event.deltaX || event.deltaY) / 800);
      }
    }, { passive: false });
  }

  // The options of a chart for this: dragging selects, and the selection is shown.
  options() {
    return {
      legend: { show: false },
      cursor: { drag: { x: true, y: false, setScale: false }, points: { show: false }, bind: { dblclick: () => null } },
      hooks: {
        setSelect: [(chart) => {
          const { left, width } = chart.select;
          if (width > 3) this.show(chart.posToVal(left, "x"), chart.posToVal(left + width, "x"));
          if (width) chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        }],
      },
    };
  }
}

class Timeline {
  constructor(data, view, select) {
    Object.assign(this, { data, view, select });
    this.hidden = new Set();
    this.chosen = null;
    this.marks = new LaneMarks(data);
    this.scroller = byId("lanes");
    const options = view.options();
    this.chart = new uPlot({
      ...options,
      ...this.size(),
      padding: [0, 14, 0, 0],
      scales: { x: timeScale(view), y: { range: [0, 1] } },
      series: [{}, { show: false }],
      axes: [timeAxis(), { size: gutterWidth, values: () => [], splits: () => [], grid: { show: false }, ticks: { show: false } }],
      hooks: { ...options.hooks, draw: [() => this.draw()] },
    }, [[0, view.last], [null, null]], byId("timeline"));
    view.adopt(this.chart);
    this.scroller.addEventListener("scroll", () => this.chart.redraw(false, false));
    this.listen();
  }

  size() {
    const lanes = this.data.lanes.length;
    const shown = Math.max(1, Math.min(lanes, isNarrow() ? 14 : MOST_LANES_SHOWN));
    const height = shown * LANE_HEIGHT + AXIS_HEIGHT;
    this.scroller.style.height = `${height}px`;
    byId("lanes-height").style.height = `${Math.max(1, lanes) * LANE_HEIGHT + AXIS_HEIGHT}px`;
    return { width: this.scroller.clientWidth, height };
  }

  resize() {
    this.chart.setSize(this.size());
  }

  redraw() {
    this.chart.redraw(false, false);
  }

  draw() {
    this.marks.draw(this.chart, {
      scroll: this.scroller.scrollTop,
      hidden: this.hidden,
      chosen: this.chosen,
      gutter: gutterWidth(),
    });
  }

  choose(chosen) {
    this.chosen = chosen;
    const { events, exchanges } = this.data;
    const row = chosen.event === undefined ? chosen.exchange : events.exchange[chosen.event];
    this.view.center(chosen.event === undefined ? exchanges.at[row] : events.at[chosen.event]);
    if (row !== NO_ROW) {
      const top = exchanges.lane[row] * LANE_HEIGHT;
      const height = this.scroller.clientHeight - AXIS_HEIGHT - LANE_HEIGHT;
      if (top < this.scroller.scrollTop || top > this.scroller.scrollTop + height) this.scroller.scrollTop = top - height / 2;
    }
    this.redraw();
  }

  // The event or exchange at a place: the nearest event, else the shortest bar there.
  hit(x, y) {
    const { data, chart } = this;
    const lane = Math.floor((y + this.scroller.scrollTop) / LANE_HEIGHT);
    if (lane < 0 || lane >= data.lanes.length) return null;
    const [early, late] = [chart.posToVal(x - HIT_PIXELS, "x"), chart.posToVal(x + HIT_PIXELS, "x")];
    const middle = chart.posToVal(x, "x");
    const near = nearest(data.eventsByLane, lane, early, late, middle, (row) => !this.hidden.has(this.marks.ranks[row]));
    if (near !== null) return { event: near };
    const { starts, rows, times } = data.exchangesByLane;
    let stop = indexAt(times, late, starts[lane], starts[lane + 1]);
    for (let steps = 0; stop > starts[lane] && steps < 2000; stop--, steps++) {
      const row = rows[stop - 1];
      if (barEnd(data, row) >= early) return { exchange: row };
    }
    return null;
  }

  listen() {
    const { over } = this.chart;
    let pressedX = 0;
    over.addEventListener("mousedown", (event) => { pressedX = event.clientX; });
    over.addEventListener("mousemove", (event) => {
      const found = this.hit(event.offsetX, event.offsetY);
      over.style.cursor = found ? "pointer" : "";
      showTip(found ? describe(this.data, found) : null, event);
    });
    over.addEventListener("mouseleave", () => showTip(null));
    over.addEventListener("click", (event) => {
      const found = Math.abs(event.clientX - pressedX) < 4 ? this.hit(event.offsetX, event.offsetY) : null;
      if (found) this.select(found);
    });
    this.scroller.addEventListener("keydown", (event) => {
      const actions = {
        ArrowLeft: () => this.view.pan(-0.2), ArrowRight: () => this.view.pan(0.2),
        "+": () => this.view.zoom(0.5), "=": () => this.view.zoom(0.5), "-": () => this.view.zoom(2), 0: () => this.view.showAll(),
      };
      if (!event.ctrlKey && actions[event.key]) {
        event.preventDefault();
        actions[event.key]();
      }
    });
  }
}

// Where the bar of an exchange ends: at its response, or at the end of its stream, which may be open.
function barEnd({ exchanges, facts }, row) {
  if (!exchanges.is_stream[row]) return exchanges.at[row] + (exchanges.response_seconds[row] || 0);
  return Number.isNaN(exchanges.end[row]) ? facts.seconds : exchanges.end[row];
}

function nearest({ starts, rows, times }, lane, early, late, middle, isShown) {
  let best = null;
  let distance = Infinity;
  const stop = starts[lane + 1];
  for (let index = indexAt(times, early, starts[lane], stop), steps = 0; index < stop && times[index] <= late && steps < 5000; index++, steps++) {
    const away = Math.abs(times[index] - middle);
    if (away < distance && isShown(rows[index])) [best, distance] = [rows[index], away];
  }
  return best;
}

function describe(data, { event, exchange }) {
  const { events, exchanges, texts } = data;
  if (event !== undefined) {
    const row = events.exchange[event];
    return `${texts[events.type[event]]}\n${formatTime(events.at[event], 6)} s, record ${events.number[event]}`
      + `${row === NO_ROW ? "" : ` of exchange ${exchanges.number[row]}`}, ${formatSize(events.size[event])}`;
  }
  const status = exchanges.status[exchange] || "no response";
  const served = exchanges.served[exchange];
  return `${callName(data, exchange)}: ${status}\nexchange ${exchanges.number[exchange]} at ${formatTime(exchanges.at[exchange], 6)}, `
    + (exchanges.is_stream[exchange] ? plural(exchanges.events[exchange], "event") : formatDuration(exchanges.response_seconds[exchange]))
    + (served < 0 ? "" : served ? `\nserved ${plural(served, "time")}` : "\nnot served");
}

function callName({ exchanges, texts }, row) {
  return texts[exchanges.call[row]] || `${texts[exchanges.method[row]]} ${texts[exchanges.path[row]]}`.trim() || "(no method)";
}

function showTip(text, event) {
  const tip = byId("tip");
  tip.hidden = text === null;
  if (text === null) return;
  tip.textContent = printable(text);
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - width - 8))}px`;
  tip.style.top = `${event.clientY + 18 + height > innerHeight ? event.clientY - height - 10 : event.clientY + 18}px`;
}
