// node talkback.js FOLDER_OF_NODE_MODULES FOLDER_OF_TAPES UPSTREAM
// A proxy that answers from its tapes, and records what is not in them.
const [modules, path, host] = process.argv.slice(2)
const talkback = require(modules + "/talkback")

const {NEW} = talkback.Options.RecordMode
const proxy = talkback({host, path, port: 0, record: NEW, silent: true, summary: false})
proxy.start(() => console.log("http://127.0.0.1:" + proxy.server.address().port))
