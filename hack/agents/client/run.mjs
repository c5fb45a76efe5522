// SPDX-License-Identifier: Apache-2.0

// A server of the Model Context Protocol, which knows nothing of OAuth, and a client of the
// official SDK, unchanged, for which a person signs in and agrees.
import assert from "node:assert/strict";
import dns from "node:dns";
import http from "node:http";
import { writeFileSync } from "node:fs";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";

const { url, upstream, clientID, redirect, user, password, revocation } = JSON.parse(process.argv[2]);

// Not every resolver knows that *.localhost is this machine (RFC 6761 §6.3).
const { lookup } = dns;
dns.lookup = (name, options, done) =>
  lookup(name.endsWith(".localhost") ? "127.0.0.1" : name, ...(done ? [options, done] : [options]));

// serve is the application: each answer says what the request came with.
function serve() {
  const [host, port] = upstream.split(":");
  const server = http.createServer(async (request, response) => {
    const mcp = new McpServer({ name: "notes", version: "1" });
    mcp.registerTool("whoami", { description: "who asks" }, () => ({
      content: [{ type: "text", text: JSON.stringify({ email: request.headers["x-access-email"] }) }],
    }));
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
    response.on("close", () => void transport.close());
    await mcp.connect(transport);
    await transport.handleRequest(request, response);
  });
  return new Promise((ready) => server.listen(+port, host, () => ready(server)));
}

// A Program is a client with what it keeps.
class Program {
  redirectUrl = redirect;
  clientMetadata = { client_name: "Notes", redirect_uris: [redirect], token_endpoint_auth_method: "none" };
  asked = [];
  state() { return "st&te=1"; }
  clientInformation() { return { client_id: clientID }; }
  tokens() { return this.kept; }
  saveTokens(tokens) { this.kept = tokens; }
  invalidateCredentials() { this.kept = undefined; } // what was refused is of no use
  redirectToAuthorization(to) { this.asked.push(to); }
  saveCodeVerifier(v) { this.verifier = v; }
  codeVerifier() { return this.verifier; }
}

// A Person has a browser, as far as forms, redirects and cookies go.
class Person {
  jar = new Map();

  async visit(address, form) {
    for (let i = 0; i < 20; i++) {
      const { host, origin } = new URL(address);
      const own = this.jar.get(host) ?? this.jar.set(host, new Map()).get(host);
      const response = await fetch(address, {
        method: form ? "POST" : "GET", body: form, redirect: "manual",
        headers: {
          Accept: "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-Site": form ? "same-origin" : "none",
          ...(form && { Origin: origin }), Cookie: [...own].map(([k, v]) => k + "=" + v).join("; "),
        },
      });
      for (const line of response.headers.getSetCookie()) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
        if (/max-age=0/i.test(line)) own.delete(name);
        else own.set(name, value);
      }
      const to = response.headers.get("location");
      if (!to) return { address, status: response.status, text: (await response.text()).replace(/<style>[^]*<\/style>/, "") };
      address = new URL(to, address).href;
      if (address.startsWith(redirect)) return { address };
      form = undefined;
    }
    throw new Error("round and round: " + address);
  }

  // send sends the form of a page.
  send(page, more) {
    const text = page.text.slice(page.text.indexOf("<form method=\"post\"")), form = new URLSearchParams();
    assert.notEqual(text, page.text.slice(-1), "no form at " + page.address + ": " + page.text);
    const plain = (s) => s.replaceAll("&#34;", '"').replaceAll("&#43;", "+").replaceAll("&amp;", "&");
    for (const [, name, value] of text.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)) form.set(plain(name), plain(value));
    for (const name in more) form.set(name, more[name]);
    return this.visit(new URL(plain(/action="([^"]*)"/.exec(text)[1]), page.address).href, form);
  }
}

const program = new Program(), ann = new Person();

async function connect() {
  const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: program });
  const client = new Client({ name: "notes-client", version: "1" });
  try {
    await client.connect(transport);
    return { client, transport };
  } catch (failure) {
    return { failure, transport };
  }
}

const whoami = async (client) => JSON.parse((await client.callTool({ name: "whoami", arguments: {} })).content[0].text);

const server = await serve();

// Nobody has signed in: the SDK finds its own way to the authorization server.
let { failure, transport } = await connect();
assert.ok(failure instanceof UnauthorizedError, String(failure?.stack ?? failure));
assert.equal(program.asked.length, 1);
const asked = program.asked[0];
assert.equal(asked.searchParams.get("client_id"), clientID);
assert.ok(url.startsWith(asked.searchParams.get("resource")), asked.href);

// The person signs in, and agrees.
let page = await ann.visit(asked.href);
assert.match(page.text, /type="password"/, page.text);
page = await ann.send(page, { username: user, password });
assert.match(page.text ?? "", /name="question"/, page.address + page.text);
page = await ann.send(page, { answer: "allow" });
const answer = new URL(page.address).searchParams;
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
writeFileSync(revocation.file, revocation.text.replace("NOW", new Date(Date.now() + 1000).toISOString().replace(/\.\d+/, "")));
for (let i = 0; ; i++) {
  try {
    await whoami(client);
  } catch (refused) {
    assert.ok(refused instanceof UnauthorizedError, String(refused?.stack ?? refused));
    break;
  }
  assert.ok(i < 100, "what was revoked goes on");
  await new Promise((next) => setTimeout(next, 100));
}
assert.equal(program.asked.length, 2);

// The person declines, once what was revoked is in the past.
await new Promise((next) => setTimeout(next, 2000));
page = await ann.visit(program.asked[1].href);
page = await ann.send(page, { answer: "deny" });
assert.equal(new URL(page.address).searchParams.get("error"), "access_denied");
console.log("ok");
server.closeAllConnections();
server.close();
process.exit(0);
