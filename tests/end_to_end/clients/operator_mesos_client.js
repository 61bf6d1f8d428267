// An operator as the README of @dcos/mesos-client shows it: it reads the state, and follows the events.
//
//     NODE_PATH=... node operator_mesos_client.js http://127.0.0.1:5050
//
// It prints what it reads, then each event until a task runs on the agent that was added.
"use strict";

const { concat } = require("rxjs");
const { takeWhile } = require("rxjs/operators");
const { request, stream } = require("./browser_mesos_client.js")(process.argv[2]);

const READS = ["GET_HEALTH", "GET_VERSION", "GET_STATE", "GET_AGENTS", "GET_FRAMEWORKS", "GET_TASKS"];
let added = false;
let done = false;

const reads = READS.map((type) => request({ type }, "/api/v1"));
const events = stream({ type: "SUBSCRIBE" }, "/api/v1").pipe(takeWhile(() => !done));

concat(...reads, events).subscribe(
    (text) => {
        const event = JSON.parse(text);
        console.log(JSON.stringify(event));
        added = added || event.type === "AGENT_ADDED";
        done = added && event.type === "TASK_UPDATED" && event.task_updated.state === "TASK_RUNNING";
    },
    (error) => {
        console.log("error", JSON.stringify(error));
        process.exitCode = 1;
    },
    () => console.log("complete")
);
