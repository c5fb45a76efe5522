// SPDX-License-Identifier: Apache-2.0

// Not every resolver knows that *.localhost is this machine (RFC 6761 §6.3).
import dns from "node:dns";

const { lookup } = dns;
dns.lookup = (name, options, done) =>
  lookup(name.endsWith(".localhost") ? "127.0.0.1" : name, ...(done ? [options, done] : [options]));
