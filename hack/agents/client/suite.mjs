// SPDX-License-Identifier: Apache-2.0

// The scenarios of @modelcontextprotocol/conformance for authorization servers, against one: its
// own command runs, and a person opens the address that it asks for and agrees. What each
// check found is printed, a line of JSON each.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { agree, Person } from "./person.mjs";

const { issuer, resource, clientID, port, results, user, password } = JSON.parse(process.argv[2]);
const here = dirname(fileURLToPath(import.meta.url)), suite = join(here, "node_modules/@modelcontextprotocol/conformance");
const callback = "http://127.0.0.1:" + port + "/callback";
const child = spawn(process.execPath, ["--import", join(here, "localhost.mjs"), join(suite, "dist/index.js"), "authorization", "--url", issuer,
  "--client-id", clientID, "--resource", resource, "--port", String(port), "--output-dir", results], { stdio: ["ignore", "pipe", "inherit"] });

let out = "", opened = false;
child.stdout.setEncoding("utf8").on("data", async (text) => {
  out += text;
  const asked = new RegExp("^" + issuer.replaceAll(".", "\\.") + "/\\S+(?=\\n)", "m").exec(out);
  if (!asked || opened) return;
  opened = true;
  const answer = await agree(new Person(callback), asked[0], user, password);
  assert.ok(answer.startsWith(callback), answer);
  await fetch(answer); // what the browser does with it
});
const code = await new Promise((done) => child.on("close", done));

const { version } = JSON.parse(readFileSync(join(suite, "package.json"), "utf8"));
for (const file of globSync(join(results, "*/checks.json")).sort()) {
  const scenario = /authorization-server-(.*?)-\d{4}-/.exec(file)?.[1] ?? file;
  for (const { id, description, status, errorMessage } of JSON.parse(readFileSync(file, "utf8"))) {
    console.log(JSON.stringify({ scenario, id, description, status, error: errorMessage, version }));
  }
}
if (code !== 0) console.error(out);
console.log(code === 0 ? "ok" : "exit " + code);
