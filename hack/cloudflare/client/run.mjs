// Has Cloudflare's own client libraries judge tokens of ours, as they are.
// Standard input: {"team": "https://NAME.cloudflareaccess.com", "address":
// "127.0.0.1:PORT", "aud", "cases": [{"name", "token"}]}. Standard output: what
// each library made of each case.
import http from "node:http";
import { cloudflareAccess } from "@hono/cloudflare-access";
import { Hono } from "hono";
import { generateLoginURL } from "@cloudflare/pages-plugin-cloudflare-access/api";
import pages from "@cloudflare/pages-plugin-cloudflare-access";

const text = await new Response(process.stdin).text();
const { team, address, aud, cases } = JSON.parse(text);
const [hostname, port] = address.split(":");

// The libraries ask the team host by its name, which has no address here.
globalThis.fetch = (input, init = {}) =>
  new Promise((resolve, reject) => {
    const url = new URL(input instanceof Request ? input.url : input);
    if (url.origin !== team) return reject(new Error("asked " + url.origin));
    const request = http.request({ hostname, port, path: url.pathname + url.search, headers: { ...init.headers, host: url.host } }, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("end", () => resolve(new Response(Buffer.concat(parts), { status: answer.statusCode })));
    });
    request.on("error", reject).end();
  });

const name = new URL(team).hostname.split(".")[0];
const app = new Hono();
app.use("*", cloudflareAccess(name, aud));
app.get("/", (c) => c.json(c.get("accessPayload")));
const plugin = pages({ domain: team, aud });

const results = [];
for (const { name, token } of cases) {
  const headers = { "Cf-Access-Jwt-Assertion": token };
  const hono = await app.request("https://app.example.com/", { headers });
  const data = {};
  const request = new Request("https://app.example.com/x", { headers });
  const answer = await plugin({ request, data, next: async () => new Response("in"), env: {}, params: {}, waitUntil() {}, functionPath: "", passThroughOnException() {} });
  results.push({
    name,
    hono: { status: hono.status, body: await hono.text() },
    pages: { status: answer.status, payload: data.cloudflareAccess?.JWT.payload ?? null, identity: (await data.cloudflareAccess?.JWT.getIdentity()) ?? null },
  });
}
console.log(JSON.stringify({ results, login: generateLoginURL({ redirectURL: "https://app.example.com/x?y=1", domain: team, aud }) }));
