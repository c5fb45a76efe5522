// SPDX-License-Identifier: Apache-2.0

// A stock client is refused, lets a person sign in and agree, acts, goes on with new tokens, is
// revoked, and declined.
import assert from "node:assert/strict";
import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { agree } from "./person.mjs";
import { ann, clientID, connect, end, password, program, refused, revoke, serve, url, user, whoami } from "./site.mjs";

const server = await serve();

// Nobody has signed in: the SDK finds its own way to the authorization server.
let { failure, transport } = await connect();
assert.ok(failure instanceof UnauthorizedError, String(failure?.stack ?? failure));
assert.equal(program.asked.length, 1);
const asked = program.asked[0];
assert.equal(asked.searchParams.get("client_id"), clientID);
assert.ok(url.startsWith(asked.searchParams.get("resource")), asked.href);

// The person signs in, and agrees.
const answer = new URL(await agree(ann, asked.href, user, password)).searchParams;
assert.equal(answer.get("state"), "st&te=1");
assert.equal(answer.get("iss"), asked.origin);

// The program fetches its token, and acts for the person.
await transport.finishAuth(answer.get("code"));
let { client, failure: second } = await connect();
assert.ok(client, String(second?.stack ?? second));
assert.equal((await whoami(client)).email, user + "@example.com");

// Its token is over; the SDK gets the next one by itself.
const { access_token, expires_in } = program.kept;
await new Promise((next) => setTimeout(next, (expires_in + 1) * 1000));
assert.equal((await whoami(client)).email, user + "@example.com");
assert.notEqual(program.kept.access_token, access_token);
assert.equal(program.asked.length, 1, "the person was asked again");

// What it may do is revoked: it is refused at once, and has to ask.
revoke();
const how = await refused(() => whoami(client));
assert.ok(how instanceof UnauthorizedError, String(how?.stack ?? how));
assert.equal(program.asked.length, 2);

// The person declines, once what was revoked is in the past.
await new Promise((next) => setTimeout(next, 2000));
let page = await ann.visit(program.asked[1].href);
page = await ann.send(page, { answer: "deny" });
assert.equal(new URL(page.address).searchParams.get("error"), "access_denied");
end(server);
