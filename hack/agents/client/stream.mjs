// SPDX-License-Identifier: Apache-2.0

// What a stock client may do is revoked while an answer streams to it. `lasts` is how long, in
// seconds, the stream has to go on before, and `ends` whether the proxy is told to end it.
import assert from "node:assert/strict";
import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { agree } from "./person.mjs";
import { ann, connect, end, gone, more, password, program, refused, revoke, serve, user, whoami } from "./site.mjs";

const server = await serve();
const { transport } = await connect();
await transport.finishAuth(new URL(await agree(ann, program.asked[0].href, user, password)).searchParams.get("code"));
const { client } = await connect();

// An answer that goes on: each tick is an event of its stream.
let ticks = 0, heard = () => {};
const over = client.callTool({ name: "watch", arguments: {} }, undefined, {
  timeout: 600_000,
  onprogress: () => { ticks++; heard(); },
}).then(() => "an answer", (failure) => failure);
// The SDK takes a stream that breaks off for one that is silent.
const silence = () => new Promise((done) => setTimeout(done, 10_000, "silence"));
const next = () => Promise.race([new Promise((done) => { heard = () => done("a tick"); }), over, silence()]);
const began = performance.now();
while (performance.now() - began < more.lasts * 1000) assert.equal(await next(), "a tick", Math.round(performance.now() - began) + " ms");

revoke();
const revoked = performance.now();
const how = await refused(() => whoami(client));
assert.ok(how instanceof UnauthorizedError, String(how?.stack ?? how));
console.log("refused after", Math.round(performance.now() - revoked), "ms");

if (more.ends) {
  // The proxy ends the stream by itself, and what the program does then is refused.
  const patience = new Promise((done) => setTimeout(done, 60_000, "what streams goes on"));
  assert.equal(await Promise.race([gone, patience]), "gone");
  assert.ok(await refused(() => whoami(client)) instanceof UnauthorizedError);
} else {
  // What is open goes on: nobody is asked again.
  assert.equal(await next(), "a tick");
  assert.equal(await next(), "a tick");
}
end(server);
