// An operator of an agent: a container of its own, then a session in a pod, whose output it follows.
//
//     NODE_PATH=... node containers_mesos_client.js http://127.0.0.1:5051 [CONTAINER [SESSION]]
"use strict";

const { concat } = require("rxjs");
const [url, container = "standalone-1", session = "plain-json"] = process.argv.slice(2);
const { request, stream } = require("./browser_mesos_client.js")(url);

const TASK = "e36c6510-b38b-41c4-8d6b-8af41c8b9ad9";
const POD = { value: "834f52c5-ccb8-4516-960b-16320e791356", parent: { value: TASK } };

function scalar(name, value) {
    return { name, type: "SCALAR", scalar: { value } };
}

function call(send, type, fields) {
    return send({ type, [type.toLowerCase()]: fields }, "/api/v1");
}

concat(
    call(request, "LAUNCH_CONTAINER", {
        container_id: { value: container },
        command: { value: "sleep 1; exit 9" },
        resources: [scalar("cpus", 0.1), scalar("mem", 32)],
    }),
    call(request, "GET_CONTAINERS", { show_standalone: true }),
    call(request, "WAIT_CONTAINER", { container_id: { value: container } }),
    call(stream, "LAUNCH_NESTED_CONTAINER_SESSION", {
        container_id: { value: session, parent: POD },
        command: { value: "echo plain json accept" },
    })
).subscribe(
    (text) => console.log("answer", text && JSON.stringify(JSON.parse(text))),
    (error) => {
        console.log("error", JSON.stringify(error));
        process.exitCode = 1;
    },
    () => console.log("complete")
);
