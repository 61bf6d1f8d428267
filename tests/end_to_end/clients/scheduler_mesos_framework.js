// A scheduler as the README of mesos-framework shows it: one task, then the second offer is declined.
//
//     NODE_PATH=... node scheduler_mesos_framework.js 127.0.0.1 5050 [TASK [MILLISECONDS]]
//
// It prints what it sees: what the stream brings as "event", what becomes of its calls as "call".
// These come over different connections, so only the order within each kind is always the same.
// The library's own handlers acknowledge the updates; only that of OFFERS is replaced, because the
// library's gives each task a random name. MILLISECONDS is how long it thinks about the first offer.
"use strict";

const { Scheduler, Mesos } = require("mesos-framework");

const mesos = Mesos.getMesos();
const [host, port, name = "task-quick", thinks = "0"] = process.argv.slice(2);

const scheduler = new Scheduler({
    masterUrl: host,
    port: Number(port),
    frameworkName: "one task",
    logging: { path: process.cwd(), fileName: "scheduler.log", level: "debug" },
    handlers: { OFFERS: (offers) => {} },
});

function scalar(resource, value) {
    return new mesos.Resource(resource, mesos.Value.Type.SCALAR, new mesos.Value.Scalar(value));
}

function task(agent) {
    return new mesos.TaskInfo(
        name,
        new mesos.TaskID(name),
        agent,
        [scalar("cpus", 0.1), scalar("mem", 32)],
        null, // executor
        new mesos.CommandInfo(null, null, true, "echo quick; exit 0")
    );
}

let launched = false;

function offered(offers) {
    for (const offer of offers.offers) {
        if (launched) {
            scheduler.decline([offer.id], new mesos.Filters(60));
        } else {
            launched = true;
            think(() => launch(offer));
        }
    }
}

function think(then) {
    return thinks === "0" ? then() : setTimeout(then, Number(thinks));
}

function launch(offer) {
    console.log("event launch");
    const type = mesos.Offer.Operation.Type.LAUNCH;
    const tasks = new mesos.Offer.Operation.Launch([task(offer.agent_id)]);
    scheduler.accept([offer.id], [new mesos.Offer.Operation(type, tasks)], null);
}

for (const name of ["subscribed", "offers", "update", "failure", "rescind"]) {
    scheduler.on(name, (value) => console.log("event", name, JSON.stringify(value)));
}
for (const name of ["subscribe", "accept", "acknowledge", "decline", "teardown"]) {
    scheduler.on("sent_" + name, () => console.log("call", name));
}
scheduler.on("offers", offered);
scheduler.on("sent_decline", () => scheduler.teardown());
scheduler.on("sent_teardown", () => process.exit(0));
scheduler.on("error", (error) => {
    const message = error.message || error;
    if (message !== "Long-running connection was closed!") {
        console.log("error", message);
        process.exit(1);
    }
});
scheduler.on("ready", () => scheduler.subscribe());
