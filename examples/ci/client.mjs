// Asks the master at MESOS_URL for its agents, and reads the event stream up to SUBSCRIBED.
// Needs Node.js 18 or newer, and nothing else.
const headers = { "Content-Type": "application/json", Accept: "application/json" };

async function call(type) {
  const url = `${process.env.MESOS_URL}/api/v1`;
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify({ type }) });
  if (!response.ok) throw new Error(`${type}: ${response.status} ${await response.text()}`);
  return response;
}

// RecordIO: the length of a record in decimal, a line end, and the record.
async function* records(stream) {
  let data = Buffer.alloc(0);
  for await (const chunk of stream) {
    data = Buffer.concat([data, chunk]);
    for (let end; (end = data.indexOf("\n")) >= 0; ) {
      const after = end + 1 + Number(data.subarray(0, end));
      if (data.length < after) break;
      yield JSON.parse(data.subarray(end + 1, after));
      data = data.subarray(after);
    }
  }
}

const { get_agents } = await (await call("GET_AGENTS")).json();
console.log(`${get_agents.agents.length} agents`);
for await (const event of records((await call("SUBSCRIBE")).body)) {
  console.log(event.type);
  if (event.type === "SUBSCRIBED") break;
}
