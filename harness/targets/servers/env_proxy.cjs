// Loaded before a program of Node's: its fetch then obeys HTTPS_PROXY, HTTP_PROXY and NO_PROXY, as that of Node 24 and
// 22.21 does once NODE_USE_ENV_PROXY=1 says so. Hosts of NO_PROXY are called by Node's own means, untouched. Programs that
// bring an agent of their own, or call by node:https, are left alone.
"use strict";
const http = require("node:http");
const net = require("node:net");
const tls = require("node:tls");

const DISPATCHER = Symbol.for("undici.globalDispatcher.1"); // where undici, Node's own too, looks for what carries a fetch
const CONNECT_MS = 10_000; // as long as undici waits for a connection

const [major, minor] = process.versions.node.split(".").map(Number);
const obeys = process.env.NODE_USE_ENV_PROXY === "1" && (major >= 24 || (major === 22 && minor >= 21));
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
  tunnel(new URL(proxies[protocol]), hostname, port || (secure ? 443 : 80), (error, socket) => {
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
  });
}

if (!obeys && (proxies["https:"] || proxies["http:"])) {
  void globalThis.Response; // Node loads its undici with the first of fetch's classes that is looked at
  const own = globalThis[DISPATCHER];
  if (own) {
    const tunnelled = new own.constructor({ connect });
    const carrier = (origin) => {
      const { hostname, protocol } = new URL(origin);
      const host = hostname.replace(/^\[|\]$/g, "");
      return proxies[protocol] && !direct.has(host) && !direct.has("*") ? tunnelled : own;
    };
    globalThis[DISPATCHER] = new Proxy(own, {
      get(_, name) {
        if (name === "dispatch") {
          return (options, handler) => carrier(options.origin).dispatch(options, handler);
        }
        const value = own[name];
        return typeof value === "function" ? value.bind(own) : value;
      },
    });
  }
}
