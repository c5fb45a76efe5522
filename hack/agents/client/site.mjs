// SPDX-License-Identifier: Apache-2.0

// What the stories share: a server of the Model Context Protocol, which knows nothing of
// OAuth, and a client of the official SDK, unchanged, for which a person signs in and agrees.
import http from "node:http";
import { writeFileSync } from "node:fs";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { Person } from "./person.mjs";

export const { url, upstream, clientID, redirect, user, password, revocation, ...more } = JSON.parse(process.argv[2]);

// gone is settled when whoever watches no longer listens, or was cut off.
let left;
export const gone = new Promise((done) => { left = done; });

// serve is the application: each answer says what the request came with.
export function serve() {
  const [host, port] = upstream.split(":");
  const server = http.createServer(async (request, response) => {
    const mcp = new McpServer({ name: "notes", version: "1" });
    mcp.registerTool("whoami", { description: "who asks" }, () => ({
      content: [{ type: "text", text: JSON.stringify({ email: request.headers["x-access-email"] }) }],
    }));
    mcp.registerTool("watch", { description: "says that time goes by, until nobody listens" }, async (extra) => {
      const { progressToken } = extra._meta;
      for (let progress = 1; !response.destroyed; progress++) {
        await extra.sendNotification({ method: "notifications/progress", params: { progressToken, progress } });
        await new Promise((next) => setTimeout(next, 200));
      }
      left("gone");
      return { content: [] };
    });
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
    response.on("close", () => void transport.close());
    await mcp.connect(transport);
    await transport.handleRequest(request, response);
  });
  return new Promise((ready) => server.listen(+port, host, () => ready(server)));
}

// A Program is a client with what it keeps.
export class Program {
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

export const program = new Program(), ann = new Person(redirect);

export async function connect() {
  const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: program });
  const client = new Client({ name: "notes-client", version: "1" });
  try {
    await client.connect(transport);
    return { client, transport };
  } catch (failure) {
    return { failure, transport };
  }
}

export const whoami = async (client) => JSON.parse((await client.callTool({ name: "whoami", arguments: {} })).content[0].text);

// revoke voids what the program may do, and so far was let do.
export function revoke() {
  writeFileSync(revocation.file, revocation.text.replace("NOW", new Date(Date.now() + 1000).toISOString().replace(/\.\d+/, "")));
}

// refused calls until a call is refused, and returns how.
export async function refused(call) {
  for (let i = 0; i < 1000; i++) {
    try {
      await call();
    } catch (failure) {
      return failure;
    }
    await new Promise((next) => setTimeout(next, 20));
  }
  throw new Error("what was revoked goes on");
}

// end ends the story well.
export function end(server) {
  console.log("ok");
  server.closeAllConnections();
  server.close();
  process.exit(0);
}
