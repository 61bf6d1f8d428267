// @dcos/mesos-client is made for browsers: give it the XMLHttpRequest of a page at this URL.
"use strict";

const { JSDOM } = require("jsdom");

module.exports = function openAt(url) {
    global.XMLHttpRequest = new JSDOM("", { url }).window.XMLHttpRequest;
    return require("@dcos/mesos-client");
};
