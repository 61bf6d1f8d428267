// Draws lanes: calls and streams as bars, events as ticks, problems, and lines from calls to events.

const COLORS = 10;
const LEVELS = 4;
const COLUMN_WIDTH = 3;
const MOST_FAINT_LINES = 300; // More are a smear.
const MOST_LINES = 1500;
const MOST_TYPES = 60; // With a color and a button of their own; a cluster has fewer.

class LaneMarks {
  constructor(data) {
    this.data = data;
    this.types = sortTypes(data);
    const rankOfType = new Map(this.types.map(({ type }, rank) => [type, Math.min(rank, MOST_TYPES)]));
    this.ranks = Uint8Array.from(data.events.type, (type) => rankOfType.get(type));
    this.lastX = new Int32Array((MOST_TYPES + 1) * LEVELS);
    this.readColors();
  }

  readColors() {
    const names = ["text", "soft", "line", "band", "card", "bar", "stream", "bad", "warn", "unused", "cause", "focus", "beat"];
    this.colors = Object.fromEntries(names.map((name) => [name, colorOf(name)]));
    this.typeColors = Array.from({ length: COLORS }, (_, index) => colorOf(`c${index}`));
  }

  colorOfRank(rank) {
    const color = this.types[rank].color;
    return color < 0 ? this.colors.beat : this.typeColors[color];
  }

  draw(chart, { scroll, hidden, chosen, gutter }) {
    const { ctx, bbox } = chart;
    const ratio = devicePixelRatio;
    const frame = {
      ctx, chart, hidden, chosen, ratio, bbox, gutter,
      height: LANE_HEIGHT * ratio,
      top: (lane) => bbox.top + (lane * LANE_HEIGHT - scroll) * ratio,
      x: (seconds) => chart.valToPos(seconds, "x", true),
    };
    const first = Math.max(0, Math.floor(scroll / LANE_HEIGHT));
    const last = Math.min(this.data.lanes.length, Math.ceil((scroll + bbox.height / ratio) / LANE_HEIGHT));
    ctx.save();
    ctx.beginPath();
    ctx.rect(0, bbox.top, bbox.left + bbox.width, bbox.height);
    ctx.clip();
    for (let lane = first; lane < last; lane++) this.drawLabel(frame, lane);
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    for (let lane = first; lane < last; lane++) {
      this.drawBars(frame, lane);
      this.drawGaps(frame, lane);
      this.drawTicks(frame, lane);
    }
    this.drawNotes(frame);
    this.drawCauses(frame, first, last);
    this.drawChosen(frame);
    ctx.restore();
  }

  drawLabel({ ctx, bbox, ratio, height, top, gutter }, lane) {
    const own = this.data.lanes[lane];
    const y = top(lane);
    const startsClient = lane === 0 || own.client !== this.data.lanes[lane - 1].client || own.cassette !== this.data.lanes[lane - 1].cassette;
    if (startsClient) {
      ctx.fillStyle = this.colors.line;
      ctx.fillRect(0, y, bbox.left + bbox.width, ratio);
    }
    ctx.fillStyle = own.exchange === null ? this.colors.text : this.colors.soft;
    ctx.font = `${12 * ratio}px system-ui, sans-serif`;
    ctx.textBaseline = "middle";
    ctx.textAlign = "left";
    const indent = (own.exchange === null || startsClient ? 4 : 14) * ratio;
    ctx.fillText(fitText(ctx, laneLabel(this.data, lane), (gutter - 8) * ratio - indent), indent, y + height / 2);
  }

  drawBars({ ctx, bbox, ratio, height, top, x }, lane) {
    const { exchanges, exchangesByLane } = this.data;
    const { starts, rows } = exchangesByLane;
    const right = bbox.left + bbox.width;
    let drawnTo = -Infinity;
    for (let index = starts[lane]; index < starts[lane + 1]; index++) {
      const row = rows[index];
      const isStream = exchanges.is_stream[row];
      const from = x(exchanges.at[row]);
      if (from > right) break;
      const to = Math.max(x(barEnd(this.data, row)), from + 2.5 * ratio);
      if (to < bbox.left || (to <= drawnTo && !isStream)) continue;
      const isUnused = exchanges.served[row] === 0;
      const isBad = exchanges.level[row] === 3 || exchanges.status[row] >= 400 || !exchanges.status[row];
      const thickness = (isStream ? 6 : 12) * ratio;
      const [left, width] = [Math.max(from, bbox.left - 4), Math.min(to, right + 4) - Math.max(from, bbox.left - 4)];
      const y = top(lane) + (height - thickness) / 2;
      ctx.fillStyle = isUnused ? this.colors.unused : isBad ? this.colors.bad : isStream ? this.colors.stream : this.colors.bar;
      if (isUnused) {
        ctx.strokeStyle = this.colors.unused;
        ctx.lineWidth = ratio;
        ctx.setLineDash(width > 12 * ratio ? [3 * ratio, 2 * ratio] : []);
        ctx.strokeRect(left, y, width, thickness);
        ctx.setLineDash([]);
      } else {
        ctx.fillRect(left, y, width, thickness);
      }
      if (this.data.struck.has(row)) this.drawFault(ctx, Math.max(from, bbox.left + 5 * ratio), top(lane) + height / 2, ratio);
      if (isStream && !Number.isNaN(exchanges.end[row])) this.drawEnd(ctx, row, to, top(lane), height, ratio);
      drawnTo = to;
    }
  }

  drawFault(ctx, x, y, ratio) {
    ctx.fillStyle = this.colors.bad;
    ctx.beginPath();
    for (const [right, down] of [[0, -8], [6, 0], [0, 8], [-6, 0]]) ctx.lineTo(x + right * ratio, y + down * ratio);
    ctx.fill();
  }

  drawEnd(ctx, row, x, y, height, ratio) {
    const cause = this.data.texts[this.data.exchanges.cause[row]];
    ctx.fillStyle = cause === "server-cut" || cause === "malformed" ? this.colors.bad : this.colors.soft;
    ctx.fillRect(x - ratio, y + 4 * ratio, 2 * ratio, height - 8 * ratio);
  }

  drawGaps({ ctx, bbox, ratio, height, top, x }, lane) {
    ctx.fillStyle = this.colors.warn;
    for (const [from, to] of this.data.gaps.get(lane) ?? []) {
      const left = Math.max(x(from), bbox.left);
      const width = Math.min(x(to), bbox.left + bbox.width) - left;
      if (width > 0) ctx.fillRect(left, top(lane) + height / 2 - ratio, width, 2 * ratio);
    }
  }

  drawTicks({ ctx, bbox, ratio, height, top, x, chart, hidden }, lane) {
    const { events, eventsByLane } = this.data;
    const { starts, rows, times } = eventsByLane;
    const early = chart.posToVal(-4, "x");
    const late = chart.posToVal(bbox.width / ratio + 4, "x");
    const first = indexAt(times, early, starts[lane], starts[lane + 1]);
    const stop = indexAt(times, late, first, starts[lane + 1]);
    const scale = bbox.width / (chart.scales.x.max - chart.scales.x.min);
    const { ranks, lastX } = this;
    const isHidden = Array.from({ length: MOST_TYPES + 1 }, (_, rank) => hidden.has(rank));
    const isDense = stop - first > bbox.width / ratio / 2;
    if (isDense) this.drawShares({ ctx, bbox, ratio, height, top, chart }, lane, [first, stop], isHidden);
    const batches = [];
    // One tick for each pixel, type and level: more cannot be seen.
    lastX.fill(-0x80000000);
    for (let index = first; index < stop; index++) {
      const row = rows[index];
      const level = events.level[row];
      const key = ranks[row] * LEVELS + level;
      const place = Math.round(bbox.left + (times[index] - chart.scales.x.min) * scale);
      if (lastX[key] === place || ((isDense || isHidden[ranks[row]]) && level < 3)) continue;
      lastX[key] = place;
      (batches[key] ??= { rank: ranks[row], level, places: [] }).places.push(place);
    }
    for (const { rank, level, places } of batches.filter(Boolean)) {
      const [isBad, isWarned] = [level === 3, level === 2];
      const isBeat = this.types[rank].color === -1;
      const length = (isBad ? 20 : isBeat ? 8 : 14) * ratio;
      ctx.fillStyle = isBad ? this.colors.bad : this.colorOfRank(rank);
      const y = top(lane) + (height - length) / 2;
      const width = Math.max(1, Math.round((isBad ? 3 : 2) * ratio));
      for (const place of places) ctx.fillRect(place - width / 2, y, width, length);
      if (isWarned) {
        ctx.fillStyle = this.colors.warn;
        for (const place of places) ctx.fillRect(place - 2 * ratio, top(lane) + 2 * ratio, 4 * ratio, 3 * ratio);
      }
    }
  }

  // Where ticks would hide each other: columns, as high as there are events in them, with a share for each type.
  drawShares({ ctx, bbox, ratio, height, top, chart }, lane, [first, stop], isHidden) {
    const { rows, times } = this.data.eventsByLane;
    const { ranks } = this;
    const width = Math.round(COLUMN_WIDTH * ratio);
    const columns = Math.ceil(bbox.width / width) + 1;
    const types = MOST_TYPES + 1;
    const counts = new Uint32Array(columns * types);
    const totals = new Uint32Array(columns);
    const scale = bbox.width / (chart.scales.x.max - chart.scales.x.min) / width;
    let most = 1;
    for (let index = first; index < stop; index++) {
      const column = Math.floor((times[index] - chart.scales.x.min) * scale);
      const rank = ranks[rows[index]];
      if (column < 0 || column >= columns || isHidden[rank]) continue;
      counts[column * types + rank]++;
      if (++totals[column] > most) most = totals[column];
    }
    const bottom = top(lane) + height - 3 * ratio;
    const ceiling = height - 6 * ratio;
    const drawnTo = new Float32Array(columns).fill(bottom);
    for (let rank = 0; rank < Math.min(types, this.types.length); rank++) {
      ctx.fillStyle = this.colorOfRank(rank);
      for (let column = 0; column < columns; column++) {
        const count = counts[column * types + rank];
        if (!count) continue;
        const share = (count / totals[column]) * Math.max(Math.sqrt(totals[column] / most) * ceiling, 2 * ratio);
        drawnTo[column] -= share;
        ctx.fillRect(bbox.left + column * width, drawnTo[column], width, share);
      }
    }
  }

  // Notes of the recorder stand over all lanes, problems of a stream at their time in its lane.
  drawNotes({ ctx, bbox, ratio, height, top, x }) {
    const { problems, exchanges } = this.data;
    for (let row = 0; row < problems.length; row++) {
      if (problems.event[row] !== NO_ROW || Number.isNaN(problems.at[row])) continue;
      const place = x(problems.at[row]);
      if (place < bbox.left || place > bbox.left + bbox.width) continue;
      ctx.fillStyle = problems.level[row] === 3 ? this.colors.bad : this.colors.warn;
      if (problems.exchange[row] === NO_ROW) {
        for (let y = bbox.top; y < bbox.top + bbox.height; y += 8 * ratio) ctx.fillRect(place - ratio / 2, y, ratio, 4 * ratio);
      } else if (problems.level[row] > 1) {
        const y = top(exchanges.lane[problems.exchange[row]]) + height - 5 * ratio;
        ctx.fillRect(place - 2.5 * ratio, y, 5 * ratio, 4 * ratio);
      }
    }
  }

  drawCauses({ ctx, bbox, ratio, height, top, x, chart, chosen }, firstLane, lastLane) {
    const { causes, events, exchanges } = this.data;
    const { min, max } = chart.scales.x;
    const faint = [];
    const strong = [];
    const [chosenEvent, chosenCall] = [chosen?.event ?? -1, chosen?.exchange ?? -1];
    for (let pair = 0; pair < causes.length; pair++) {
      const call = causes.exchange[pair];
      const event = causes.event[pair];
      const eventExchange = events.exchange[event];
      if (eventExchange === NO_ROW || exchanges.at[call] > max || events.at[event] < min) continue;
      const [one, other] = [exchanges.lane[call], exchanges.lane[eventExchange]];
      if ((one < firstLane && other < firstLane) || (one >= lastLane && other >= lastLane)) continue;
      if (event === chosenEvent || call === chosenCall) strong.push(pair);
      else if (faint.length <= MOST_FAINT_LINES) faint.push(pair);
    }
    const middle = (row) => top(exchanges.lane[row]) + height / 2;
    const stroke = (pairs, width, alpha) => {
      ctx.strokeStyle = this.colors.cause;
      ctx.globalAlpha = alpha;
      ctx.lineWidth = width * ratio;
      ctx.beginPath();
      for (const pair of pairs) {
        const [call, event] = [causes.exchange[pair], causes.event[pair]];
        const [x1, y1] = [x(exchanges.at[call]), middle(call)];
        const [x2, y2] = [x(events.at[event]), middle(events.exchange[event])];
        ctx.moveTo(x1, y1);
        ctx.bezierCurveTo((x1 + x2) / 2, y1, (x1 + x2) / 2, y2, x2, y2);
      }
      ctx.stroke();
      ctx.globalAlpha = 1;
    };
    if (faint.length <= MOST_FAINT_LINES) stroke(faint, 1, 0.35);
    stroke(strong.slice(0, MOST_LINES), 2, 0.95);
  }

  drawChosen({ ctx, ratio, height, top, x, chosen }) {
    if (chosen === null) return;
    const { events, exchanges } = this.data;
    const row = chosen.event === undefined ? chosen.exchange : events.exchange[chosen.event];
    if (row === NO_ROW) return;
    const place = x(chosen.event === undefined ? exchanges.at[row] : events.at[chosen.event]);
    ctx.strokeStyle = this.colors.focus;
    ctx.lineWidth = 2 * ratio;
    ctx.strokeRect(place - 5 * ratio, top(exchanges.lane[row]) + 1.5 * ratio, 10 * ratio, height - 3 * ratio);
  }
}

// The types, the most frequent first, with their colors; heartbeats are grey: -1.
function sortTypes({ events, texts }) {
  const counts = new Map();
  for (const type of events.type) counts.set(type, (counts.get(type) ?? 0) + 1);
  const sorted = [...counts].sort((a, b) => b[1] - a[1]);
  let next = 0;
  return sorted.map(([type, count]) => ({ type, count, color: texts[type] === "HEARTBEAT" ? -1 : next++ % COLORS }));
}

function laneLabel(data, lane) {
  const own = data.lanes[lane];
  const several = data.facts.cassettes.length > 1 ? `${own.cassette + 1}: ` : "";
  const client = isNarrow() ? own.client : `client ${own.client}`;
  if (own.exchange === null) return `${several}client ${own.client}${own.peer && !isNarrow() ? ` · ${own.peer}` : ""}`;
  return `${several}${client} · ${callName(data, own.exchange)}${isNarrow() ? "" : ` #${data.exchanges.number[own.exchange]}`}`;
}

function fitText(ctx, whole, width) {
  const text = printable(whole.slice(0, 200));
  if (ctx.measureText(text).width <= width) return text;
  let length = Math.min(text.length, 60);
  while (length > 1 && ctx.measureText(`${text.slice(0, length)}…`).width > width) length--;
  return `${text.slice(0, length)}…`;
}
