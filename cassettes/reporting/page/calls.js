// The tables: calls by type with their latencies, each call, problems, and the receipt.

const ROWS_AT_ONCE = 200;
const MOST_LISTED = 500;

function latenciesByCall(data) {
  const { exchanges } = data;
  const found = new Map();
  for (let row = 0; row < exchanges.length; row++) {
    const name = callName(data, row);
    if (!found.has(name)) found.set(name, { name, count: 0, seconds: [], failures: 0 });
    const call = found.get(name);
    call.count++;
    const seconds = exchanges.response_seconds[row];
    if (exchanges.status[row] && !Number.isNaN(seconds)) call.seconds.push(seconds);
    if (!exchanges.status[row] || exchanges.status[row] >= 400) call.failures++;
  }
  for (const call of found.values()) call.seconds.sort((a, b) => a - b);
  return [...found.values()];
}

const quantile = (sorted, part) => (sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] : NaN);

function showCallTypes(data) {
  byId("calls").hidden = !data.exchanges.length;
  const columns = [
    { title: "call" }, { title: "calls", number: true }, { title: "failed", number: true }, { title: "median", number: true },
    { title: "95 %", number: true }, { title: "longest", number: true }, { title: "total", number: true },
  ];
  const calls = latenciesByCall(data).map((call) => ({ ...call, total: call.seconds.reduce((sum, each) => sum + each, 0) }));
  calls.sort((a, b) => b.total - a.total);
  byId("call-types").replaceChildren(makeTable(columns, calls.slice(0, MOST_LISTED).map((call) => ({
    classes: ["", "", call.failures ? "failed" : ""],
    cells: [
      call.name, formatNumber(call.count), call.failures ? formatNumber(call.failures) : "",
      ...[quantile(call.seconds, 0.5), quantile(call.seconds, 0.95), call.seconds.at(-1) ?? NaN, call.seconds.length ? call.total : NaN].map(formatDuration),
    ],
  }))));
}

class CallList {
  constructor(data, select) {
    Object.assign(this, { data, select, shown: ROWS_AT_ONCE, sortedBy: "at", isDescending: false });
    byId("filter").addEventListener("input", () => { this.shown = ROWS_AT_ONCE; this.filter(); });
    byId("more-calls").addEventListener("click", () => { this.shown += ROWS_AT_ONCE; this.show(); });
    this.filter();
  }

  filter() {
    const { data } = this;
    const { exchanges, texts } = data;
    const wanted = byId("filter").value.trim().toLowerCase();
    const all = Uint32Array.from({ length: exchanges.length }, (_, row) => row);
    this.rows = wanted ? all.filter((row) =>
      `${callName(data, row)} ${texts[exchanges.path[row]]} ${exchanges.status[row] || "no response"} client ${exchanges.client[row]} ${servedText(data, row)}`.toLowerCase().includes(wanted)) : all;
    this.sort();
  }

  sortBy(column) {
    this.isDescending = this.sortedBy === column ? !this.isDescending : column !== "at";
    this.sortedBy = column;
    this.sort();
  }

  sort() {
    const values = this.data.exchanges[this.sortedBy];
    const sign = this.isDescending ? -1 : 1;
    const rank = (row) => (Number.isNaN(values[row]) ? -Infinity : values[row]);
    this.rows.sort((a, b) => sign * (rank(a) - rank(b) || 0));
    this.show();
  }

  show() {
    const { data } = this;
    const { exchanges, texts } = data;
    const sorted = (title, column, number = true) => ({ title, number, sort: () => this.sortBy(column) });
    const columns = [
      sorted("at", "at"), sorted("client", "client"), { title: "call" }, { title: "path" }, sorted("status", "status"),
      sorted("latency", "response_seconds"), sorted("size", "size"), sorted("events", "events"),
      ...(data.facts.receipt ? [sorted("served", "served")] : []),
    ];
    const rows = [...this.rows.subarray(0, this.shown)].map((row) => ({
      choose: () => this.select({ exchange: row }),
      classes: ["", "", exchanges.level[row] === 3 ? "level-3" : "", "", exchanges.status[row] >= 400 || !exchanges.status[row] ? "failed" : ""],
      cells: [
        formatTime(exchanges.at[row], 3), exchanges.client[row], callName(data, row), texts[exchanges.path[row]],
        exchanges.status[row] || "none", formatDuration(exchanges.response_seconds[row]), formatSize(exchanges.size[row]),
        exchanges.is_stream[row] ? formatNumber(exchanges.events[row]) : "",
        ...(data.facts.receipt ? [servedText(data, row)] : []),
      ],
    }));
    byId("call-list").replaceChildren(makeTable(columns, rows));
    byId("call-count").textContent = `${formatNumber(Math.min(this.shown, this.rows.length))} of ${formatNumber(this.rows.length)}`;
    byId("more-calls").hidden = this.shown >= this.rows.length;
  }
}

function servedText({ exchanges }, row) {
  const times = exchanges.served[row];
  return times < 0 ? "" : times ? `${times}×` : "unused";
}

function showProblems(data, select) {
  const { problems, texts, exchanges, facts } = data;
  byId("problems").hidden = !problems.length;
  const shown = Math.min(problems.length, 1000);
  byId("problem-count").textContent = shown < facts.counts.problems ? `the first ${formatNumber(shown)} of ${formatNumber(facts.counts.problems)}` : "";
  const columns = [{ title: "at", number: true }, { title: "level" }, { title: "reason" }, { title: "exchange", number: true }, { title: "line", number: true }, { title: "text", wrap: true }];
  byId("problem-list").replaceChildren(makeTable(columns, Array.from({ length: shown }, (_, row) => {
    const exchange = problems.exchange[row];
    const place = problems.event[row] !== NO_ROW ? { event: problems.event[row] } : exchange !== NO_ROW ? { exchange } : null;
    return {
      choose: place && (() => select(place)),
      classes: ["", `level-${problems.level[row]}`],
      cells: [
        formatTime(problems.at[row], 3), ["", "information", "warning", "malformed"][problems.level[row]], texts[problems.code[row]],
        exchange === NO_ROW ? "" : exchanges.number[exchange], problems.line[row] || "", texts[problems.text[row]],
      ],
    };
  })));
}

function showReceipt({ facts }, select) {
  if (!facts.receipt) return;
  byId("receipt").hidden = false;
  byId("receipt-lists").append(element("p", {}, facts.receipt.summary));
  for (const { title, lines } of facts.receipt.lists) {
    const shown = lines.slice(0, MOST_LISTED);
    const items = shown.map(([text, row]) =>
      element("li", {}, text, " ", row === null ? null : element("button", { type: "button", onclick: () => select({ exchange: row }) }, "show")));
    byId("receipt-lists").append(element("h3", {}, `${title} (${shown.length < lines.length ? `the first ${formatNumber(shown.length)} of ` : ""}${formatNumber(lines.length)})`), element("ul", {}, ...items));
  }
}
