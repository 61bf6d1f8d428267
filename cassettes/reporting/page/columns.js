// The data of the page: columns of numbers, and messages that are unpacked when they are asked for.

const NO_ROW = 0xffffffff;
const ARRAY_TYPES = { d: Float64Array, I: Uint32Array, i: Int32Array, H: Uint16Array, B: Uint8Array };

async function unpack(element) {
  const binary = atob(element.textContent);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

async function readData() {
  const facts = JSON.parse(new TextDecoder().decode(await unpack(document.getElementById("facts"))));
  const packed = await unpack(document.getElementById("columns"));
  const data = { facts, texts: facts.texts, lanes: facts.lanes };
  for (const [name, columns] of Object.entries(facts.columns)) {
    data[name] = {};
    for (const [column, [code, offset, length]] of Object.entries(columns)) {
      data[name][column] = new ARRAY_TYPES[code](packed, offset, length);
      data[name].length = length;
    }
  }
  const { events, exchanges } = data;
  const eventLane = Uint32Array.from(events.exchange, (row) => (row === NO_ROW ? NO_ROW : exchanges.lane[row]));
  data.eventsByLane = groupByLane(eventLane, events.at, facts.lanes.length);
  data.exchangesByLane = groupByLane(exchanges.lane, exchanges.at, facts.lanes.length);
  data.gaps = findGaps(data);
  data.struck = new Set(facts.receipt?.lists.filter(({ title }) => title === "Faults").flatMap(({ lines }) => lines.map(([, row]) => row)));
  return data;
}

// The times without an event where there should have been heartbeats, by lane: from the event before to the next one.
function findGaps({ problems, events, exchanges, eventsByLane, texts }) {
  const gaps = new Map();
  for (let row = 0; row < problems.length; row++) {
    const event = problems.event[row];
    if (texts[problems.code[row]] !== "gap" || event === NO_ROW || events.exchange[event] === NO_ROW) continue;
    const lane = exchanges.lane[events.exchange[event]];
    const { starts, times } = eventsByLane;
    const before = indexAt(times, events.at[event], starts[lane], starts[lane + 1]) - 1;
    if (before < starts[lane]) continue;
    if (!gaps.has(lane)) gaps.set(lane, []);
    gaps.get(lane).push([times[before], events.at[event]]);
  }
  return gaps;
}

// The rows of lane n, in the order of time, are rows[starts[n]] to rows[starts[n + 1] - 1].
function groupByLane(laneOf, at, laneCount) {
  const starts = new Uint32Array(laneCount + 1);
  for (const lane of laneOf) if (lane !== NO_ROW) starts[lane + 1]++;
  for (let lane = 0; lane < laneCount; lane++) starts[lane + 1] += starts[lane];
  const next = starts.slice();
  const rows = new Uint32Array(starts[laneCount]);
  laneOf.forEach((lane, row) => {
    if (lane !== NO_ROW) rows[next[lane]++] = row;
  });
  for (let lane = 0; lane < laneCount; lane++) {
    const own = rows.subarray(starts[lane], starts[lane + 1]);
    if (own.some((row, index) => index && at[row] < at[own[index - 1]])) own.sort((a, b) => at[a] - at[b]);
  }
  return { starts, rows, times: Float64Array.from(rows, (row) => at[row]) };
}

// The first index from start on, before stop, whose time is not earlier.
function indexAt(times, seconds, start, stop) {
  while (start < stop) {
    const middle = (start + stop) >>> 1;
    if (times[middle] < seconds) start = middle + 1;
    else stop = middle;
  }
  return start;
}

const unpackedBlocks = new Map();

async function readMessage(data, number) {
  if (!number) return null;
  const first = data.facts.blocks;
  let block = first.length - 1;
  while (first[block] > number) block--;
  if (!unpackedBlocks.has(block)) {
    if (unpackedBlocks.size > 20) unpackedBlocks.clear();
    const text = new TextDecoder().decode(await unpack(document.querySelectorAll("script.block")[block]));
    unpackedBlocks.set(block, JSON.parse(text));
  }
  return unpackedBlocks.get(block)[number - first[block]];
}
