// Loaded before a server that would listen on all interfaces: where it names no host, it listens on loopback.
"use strict";
const net = require("node:net");

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (...given) {
  const [first] = given;
  if (typeof first === "number" || /^\d+$/.test(first)) {
    const rest = given.slice(1).filter((each) => typeof each !== "string" && each !== undefined && each !== null);
    const host = given.slice(1).find((each) => typeof each === "string" && net.isIP(each) && each !== "0.0.0.0" && each !== "::");
    return listen.call(this, Number(first), host || "127.0.0.1", ...rest);
  }
  if (first !== null && typeof first === "object" && first.port !== undefined && !first.path) {
    return listen.call(this, { ...first, host: "127.0.0.1" }, ...given.slice(1));
  }
  return listen.apply(this, given);
};
