// Elements of the page. Text of a cassette becomes text nodes only, never markup.

const byId = (id) => document.getElementById(id);

// Characters that would show the text after them in another order are written as escapes.
const printable = (text) => String(text).replace(/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);

function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined).map((child) => child instanceof Node ? child : printable(child)));
  return made;
}

const colorOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

const numbers = new Intl.NumberFormat("en");
const formatNumber = (value) => numbers.format(value).replaceAll(",", "\u202f");
const plural = (count, noun) => `${formatNumber(count)} ${noun}${count === 1 ? "" : "s"}`;

function formatDuration(seconds) {
  if (Number.isNaN(seconds)) return "";
  if (seconds < 0.001) return `${Math.round(seconds * 1e6)} µs`;
  if (seconds < 1) return `${+(seconds * 1000).toPrecision(3)} ms`;
  if (seconds < 120) return `${+seconds.toPrecision(4)} s`;
  return formatTime(seconds);
}

// Seconds since the recording began: 12.5, 3:20, 1:02:05.
function formatTime(seconds, digits = 0) {
  if (Number.isNaN(seconds)) return "";
  if (Math.abs(seconds) < 60) return (+seconds.toFixed(Math.max(digits, 0))).toString();
  const sign = seconds < 0 ? "-" : "";
  const whole = Math.floor(Math.abs(seconds));
  const two = (value) => String(value).padStart(2, "0");
  const rest = digits > 0 ? (Math.abs(seconds) - whole).toFixed(digits).slice(1) : "";
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return `${sign}${hours ? `${hours}:${two(minutes)}` : minutes}:${two(whole % 60)}${rest}`;
}

function formatSize(bytes) {
  if (Number.isNaN(bytes)) return "";
  if (bytes < 1024) return plural(bytes, "byte");
  const units = ["KiB", "MiB", "GiB"];
  let value = bytes / 1024;
  let unit = 0;
  while (value >= 1024 && unit < 2) [value, unit] = [value / 1024, unit + 1];
  return `${+value.toPrecision(3)} ${units[unit]}`;
}

function makeTable(columns, rows) {
  const head = element("tr", {}, ...columns.map(({ title, number, sort }) =>
    element("th", { className: number ? "number" : "" }, sort ? element("button", { type: "button", onclick: sort }, title) : title)));
  const body = rows.map(({ cells, choose, classes = [] }) => {
    const row = element("tr", {}, ...cells.map((cell, index) =>
      element("td", { className: [columns[index].number ? "number" : "", columns[index].wrap ? "wrap" : "", classes[index] ?? ""].join(" "), title: columns[index].wrap || cell instanceof Node ? "" : printable(cell) }, cell)));
    if (choose) {
      row.tabIndex = 0;
      row.onclick = choose;
      row.onkeydown = (event) => { if (event.key === "Enter") choose(); };
    }
    return row;
  });
  return element("table", {}, element("thead", {}, head), element("tbody", {}, ...body));
}
