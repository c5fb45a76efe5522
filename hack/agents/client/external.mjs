// SPDX-License-Identifier: Apache-2.0

// A server of the Model Context Protocol, which knows nothing of OAuth, and clients of the
// official SDK, unchanged, that get their tokens of an authorization server of others. Who
// signs in there is somebody else: they are told an address by a line, and answer by one.
import assert from "node:assert/strict";
import dns from "node:dns";
import http from "node:http";
import { createInterface } from "node:readline";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";

const { url, upstream, clientID, redirect, issuer, elsewhere } = JSON.parse(process.argv[2]);

// Not every resolver knows that *.localhost is this machine (RFC 6761 §6.3).
const { lookup } = dns;
dns.lookup = (name, options, done) =>
  lookup(name.endsWith(".localhost") ? "127.0.0.1" : name, ...(done ? [options, done] : [options]));

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

let asked = 0; // how often the application was

// serve is the application: each answer says what the request came with.
function serve() {
  const [host, port] = upstream.split(":");
  const server = http.createServer(async (request, response) => {
    asked++;
    const mcp = new McpServer({ name: "wiki", version: "1" });
    mcp.registerTool("whoami", { description: "who asks" }, () => ({
      content: [{ type: "text", text: JSON.stringify(request.headers) }],
    }));
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
    response.on("close", () => void transport.close());
    await mcp.connect(transport);
    await transport.handleRequest(request, response);
  });
  return new Promise((ready) => server.listen(+port, host, () => ready(server)));
}

// A Program is a client with what it keeps, for one person.
class Program {
  constructor(user, resource) {
    this.user = user;
    if (resource) this.validateResourceURL = async () => new URL(resource);
  }
  redirectUrl = redirect;
  clientMetadata = { client_name: "Wiki", redirect_uris: [redirect], token_endpoint_auth_method: "none" };
  state() { return "of " + this.user; }
  clientInformation() { return { client_id: clientID }; }
  tokens() { return this.kept; }
  saveTokens(tokens) { this.kept = tokens; }
  redirectToAuthorization(to) { this.asked = to; }
  saveCodeVerifier(v) { this.verifier = v; }
  codeVerifier() { return this.verifier; }

  async connect() {
    const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: this });
    const client = new Client({ name: "wiki-client", version: "1" });
    try {
      await client.connect(transport);
      return { client, transport };
    } catch (failure) {
      return { failure, transport };
    }
  }

  // signIn is refused, and has its person sign in where the SDK says.
  async signIn() {
    const { failure, transport } = await this.connect();
    assert.ok(failure instanceof UnauthorizedError, String(failure?.stack ?? failure));
    assert.equal(this.asked.origin, issuer);
    console.log(JSON.stringify({ user: this.user, address: this.asked.href }));
    const answer = new URL((await lines.next()).value).searchParams;
    assert.equal(answer.get("state"), "of " + this.user, String(answer));
    await transport.finishAuth(answer.get("code"));
    assert.ok(this.kept.access_token);
  }
}

const server = await serve();

// Ann is of the staff: her program is let in, and the application is told whose it is.
const ann = new Program("ann");
await ann.signIn();
assert.equal(ann.asked.searchParams.get("resource"), url);
assert.equal(ann.asked.searchParams.get("scope"), "wiki:read");
const { client, failure } = await ann.connect();
assert.ok(client, String(failure?.stack ?? failure));
const headers = JSON.parse((await client.callTool({ name: "whoami", arguments: {} })).content[0].text);
assert.equal(headers["x-access-user"], "jwt:corp:ann");
assert.ok(!headers["x-access-email"]);

// Bob is not, and a token for another resource is not for this one: neither reaches it.
const before = asked;
for (const other of [new Program("bob"), new Program("ann", elsewhere)]) {
  await other.signIn();
  const refused = await other.connect();
  assert.ok(refused.failure, other.user + " is let in with " + other.kept.access_token);
  assert.equal(asked, before);
}
console.log("ok");
server.closeAllConnections();
server.close();
process.exit(0);
