// Loaded before a program of Node's: its fetch then obeys HTTPS_PROXY, HTTP_PROXY and NO_PROXY, as that of Node 24 and
// 22.21 does by itself. Programs that bring a proxy agent of their own, or call by node:https, are left alone.
"use strict";
const http = require("node:http");
const net = require("node:net");
const tls = require("node:tls");

const DISPATCHER = Symbol.for("undici.globalDispatcher.1"); // where undici, Node's own too, looks for what carries a fetch
const CONNECT_MS = 10_000; // as long as undici waits for a connection

const [major, minor] = process.versions.node.split(".").map(Number);
const obeys = major >= 24 || (major === 22 && minor >= 21);
const env = (name) => process.env[name.toLowerCase()] || process.env[name];
const proxies = { "https:": env("HTTPS_PROXY"), "http:": env("HTTP_PROXY") };
const direct = new Set((env("NO_PROXY") || "").split(",").map((each) => each.trim()).filter(Boolean));

// Ask the proxy for a tunnel to host:port; the socket comes to `done`.
function tunnel(proxy, host, port, done) {
  const target = net.isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
  const asked = http.request({
    host: proxy.hostname,
    port: proxy.port || 80,
    method: "CONNECT",
    path: target,
    headers: { host: target },
    agent: false,
    timeout: CONNECT_MS,
  });
  asked.once("connect", (answer, socket) => {
    if (answer.statusCode === 200) {
      done(null, socket);
    } else {
      socket.destroy();
      done(new Error(`the proxy refused a tunnel to ${target}: status ${answer.statusCode}`), null);
    }
  });
  asked.once("timeout", () => asked.destroy(new Error(`the proxy did not answer in ${CONNECT_MS} ms`)));
  asked.once("error", (error) => done(error, null));
  asked.end();
}

// What undici calls for a connection to an origin.
function connect({ hostname, protocol, port, servername }, done) {
  const secure = protocol === "https:";
  const at = port || (secure ? 443 : 80);
  const proxy = direct.has(hostname) || direct.has("*") ? undefined : proxies[protocol];
  const ready = (error, socket) => {
    if (error) {
      done(error, null);
      return;
    }
    socket.setNoDelay(true);
    if (!secure) {
      done(null, socket);
      return;
    }
    const name = servername || (net.isIP(hostname) ? "" : hostname);
    const safe = tls.connect({ socket, host: hostname, servername: name, ALPNProtocols: ["http/1.1"] });
    const fail = (problem) => done(problem, null);
    safe.once("error", fail);
    safe.once("secureConnect", () => {
      safe.off("error", fail);
      done(null, safe);
    });
  };
  if (proxy) {
    tunnel(new URL(proxy), hostname, at, ready);
    return;
  }
  const socket = net.connect({ host: hostname, port: Number(at) });
  const fail = (problem) => ready(problem, null);
  socket.setTimeout(CONNECT_MS, () => socket.destroy(new Error(`no connection in ${CONNECT_MS} ms`)));
  socket.once("error", fail);
  socket.once("connect", () => {
    socket.setTimeout(0);
    socket.off("error", fail);
    ready(null, socket);
  });
}

if (!obeys && (proxies["https:"] || proxies["http:"])) {
  void globalThis.Response; // Node loads its undici with the first of fetch's classes that is looked at
  const Agent = globalThis[DISPATCHER]?.constructor;
  if (Agent) {
    globalThis[DISPATCHER] = new Agent({ connect });
  }
}
