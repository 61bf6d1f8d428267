// The panel with the message of an event, or the request and the answer of an exchange.

const DUMP_BYTES = 4096;

function hexDump(bytes) {
  const lines = [];
  for (let at = 0; at < Math.min(bytes.length, DUMP_BYTES); at += 16) {
    const row = [...bytes.subarray(at, Math.min(at + 16, DUMP_BYTES))];
    const hex = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const text = row.map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : "·")).join("");
    lines.push(`${at.toString(16).padStart(6, "0")}  ${hex.padEnd(47)}  ${text}`);
  }
  return lines.join("\n");
}

const bytesOf = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

function section(title, note, text) {
  return [element("h3", {}, title, " ", element("small", {}, note)), element("pre", { tabIndex: 0 }, text)];
}

function messageElements(title, message) {
  if (message === null) return [];
  const sent = (form) => (message.wire === form ? ", as sent" : ", converted");
  const cut = (shown, size) => (shown < size ? `, the first ${formatSize(shown)}` : "");
  const found = [element("h3", {}, title, " ", element("small", {}, message.name ?? ""))];
  if (message.json) {
    const shown = new TextEncoder().encode(message.json).length;
    found.push(...section("JSON", `${formatSize(message.wire === "JSON" ? message.size : message.json_size)}${sent("JSON")}${cut(shown, message.json_size)}`, message.json));
  }
  if (message.protobuf !== undefined) {
    const bytes = bytesOf(message.protobuf ?? "");
    found.push(...section("Protobuf", `${formatSize(message.protobuf_size)}${sent("protobuf")}${cut(Math.min(bytes.length, DUMP_BYTES), message.protobuf_size)}`, hexDump(bytes)));
  }
  if (message.text !== undefined) {
    const [title, shown] = message.wire === "bytes" ? ["Bytes", (message.text.length + 1) / 3] : ["Text", new TextEncoder().encode(message.text).length];
    found.push(...section(title, `${formatSize(message.size)}${cut(shown, message.size)}`, message.text));
  }
  return found;
}

function problemsAt(data, isHere) {
  const { problems, texts } = data;
  const items = [];
  for (let row = 0; row < problems.length && items.length < 50; row++) {
    if (isHere(row)) items.push(element("p", { className: `level-${problems.level[row]}` }, `${texts[problems.code[row]]}: ${texts[problems.text[row]]}`));
  }
  return items;
}

function linksTo(title, items, select) {
  if (!items.length) return [];
  const buttons = items.slice(0, 30).map(({ text, place }) => element("button", { type: "button", onclick: () => select(place) }, text));
  return [element("h3", {}, `${title} (${items.length})`), element("div", { className: "links" }, ...buttons)];
}

function causesOf(data, { event, exchange }) {
  const { causes } = data;
  const found = [];
  for (let pair = 0; pair < causes.length; pair++) {
    if (event !== undefined ? causes.event[pair] === event : causes.exchange[pair] === exchange) found.push(pair);
  }
  return found;
}

function facts(pairs) {
  return element("dl", {}, ...pairs.filter(([, value]) => value !== "" && value !== undefined)
    .flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
}

async function eventElements(data, event, select) {
  const { events, exchanges, texts, causes } = data;
  const row = events.exchange[event];
  const callers = causesOf(data, { event }).map((pair) => causes.exchange[pair]);
  return [
    facts([
      ["at", `${formatTime(events.at[event], 6)} s`], ["record", events.number[event]], ["size", formatSize(events.size[event])],
      ["sent by", events.side[event] ? "client" : "server"], ["stream", row === NO_ROW ? "" : `exchange ${exchanges.number[row]}, ${callName(data, row)}`],
    ]),
    ...problemsAt(data, (problem) => data.problems.event[problem] === event),
    ...linksTo("Caused by", callers.map((call) => ({ text: `${callName(data, call)} at ${formatTime(exchanges.at[call], 3)}`, place: { exchange: call } })), select),
    ...(row === NO_ROW ? [] : linksTo("Stream", [{ text: callName(data, row), place: { exchange: row } }], select)),
    ...messageElements(texts[events.type[event]], await readMessage(data, events.message[event])),
  ];
}

async function exchangeElements(data, row, select) {
  const { events, exchanges, texts, causes } = data;
  const isStream = exchanges.is_stream[row];
  const caused = causesOf(data, { exchange: row }).map((pair) => causes.event[pair]);
  return [
    facts([
      ["request", `${texts[exchanges.method[row]]} ${texts[exchanges.path[row]]}`], ["client", `${exchanges.client[row]} ${texts[exchanges.peer[row]]}`],
      ["at", `${formatTime(exchanges.at[row], 6)} s`], ["status", exchanges.status[row] || "no response"],
      ["latency", formatDuration(exchanges.response_seconds[row])], ["events", isStream ? formatNumber(exchanges.events[row]) : ""],
      ["ended", isStream ? (Number.isNaN(exchanges.end[row]) ? "open at the end of the recording" : `${formatTime(exchanges.end[row], 3)} s, by ${texts[exchanges.cause[row]]}`) : texts[exchanges.cause[row]]],
      ["replay", servedText(data, row)],
    ]),
    ...problemsAt(data, (problem) => data.problems.event[problem] === NO_ROW && data.problems.exchange[problem] === row),
    ...linksTo("Caused", caused.map((event) => ({ text: `${texts[events.type[event]]} at ${formatTime(events.at[event], 3)}`, place: { event } })), select),
    ...messageElements("Request", await readMessage(data, exchanges.request[row])),
    ...messageElements("Answer", await readMessage(data, exchanges.answer[row])),
  ];
}

async function detailElements(data, place, select) {
  const { event, exchange } = place;
  const body = await (event !== undefined ? eventElements(data, event, select) : exchangeElements(data, exchange, select));
  const left = data.facts.counts.messages_left_out;
  if (left && !body.some((each) => each.tagName === "PRE")) {
    body.push(element("p", { className: "hint" }, `The page has no room for ${plural(left, "message")}: cut the cassette for a smaller report.`));
  }
  return body;
}

function showDetails(data, { event, exchange }, elements, close) {
  const title = event !== undefined ? data.texts[data.events.type[event]] : `${callName(data, exchange)}, exchange ${data.exchanges.number[exchange]}`;
  const panel = byId("details");
  const head = element("div", { className: "head" }, element("h2", {}, title), element("button", { type: "button", onclick: close }, "Close"));
  panel.replaceChildren(head, ...elements);
  panel.hidden = false;
  panel.scrollTop = 0;
  document.body.classList.add("with-details");
}
