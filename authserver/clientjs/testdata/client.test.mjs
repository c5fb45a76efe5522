// SPDX-License-Identifier: Apache-2.0

// Run by clientjs_test.go, which names the module in CLIENT_JS. The pieces of a
// browser that the module uses are played here; hack/browser has a real one.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

const app1 = "https://app1.site.test", app2 = "https://app2.hostname.test";
const pathname = new URL(".", process.env.CLIENT_JS).pathname;
const base = app1 + pathname;

const team = "https://auth.team.test", attempt = team + pathname + "login/app1.site.test?attempt=a";

let calls, answers, windows, focus, heard, clicks, channels, n = 0;

// json is a response that a script can read, as fetch gives it.
function json(status, body, url) {
  const r = new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });
  Object.defineProperty(r, "url", { value: url });
  const clone = r.clone.bind(r);
  r.clone = () => Object.defineProperty(clone(), "url", { value: url });
  return r;
}

const wanted = "&for=%2Fdata";
const refused = (origin, url = origin + "/data", reason = "no-session") =>
  json(401, { reason, login_url: origin + pathname + "login?rd=%2Fdata", request_id: "1" }, url);

// answer says how a path of an origin is answered: by each function in turn, the
// last of them for ever.
const answer = (url, ...how) => answers.set(url, how);

beforeEach(() => {
  calls = [];
  answers = new Map();
  windows = [];
  focus = false;
  heard = new Set();
  clicks = new Set();
  channels = new Set();
  globalThis.location = { origin: app1, href: app1 + "/page?q=1#top", pathname: "/page", hash: "#top", assign: (to) => windows.push({ assigned: String(to) }) };
  globalThis.addEventListener = (name, listener, { signal }) => {
    const all = { message: heard, click: clicks }[name];
    all.add(listener);
    signal.addEventListener("abort", () => all.delete(listener));
  };
  globalThis.BroadcastChannel = class {
    constructor(name) { assert.equal(name, "ostiary"); channels.add(this); }
    postMessage(data) { broadcast(data, this); }
    close() { channels.delete(this); }
  };
  globalThis.document = { hasFocus: () => focus };
  globalThis.open = undefined;
  globalThis.fetch = async (input, init) => {
    const request = new Request(input, init);
    request.signal.throwIfAborted();
    const text = await request.clone().text();
    calls.push({ url: request.url, method: request.method, redirect: request.redirect, credentials: request.credentials,
      token: request.headers.get("Authorization"), xrw: request.headers.get("X-Requested-With"), text });
    const how = answers.get(request.url);
    if (!how) throw new TypeError("fetch failed");
    return (how.length > 1 ? how.shift() : how[0])(request);
  };
});

// load gives a module of its own to each test: it keeps tokens.
const load = () => import(process.env.CLIENT_JS + "?" + ++n);
const to = (url) => calls.filter((c) => c.url === url);
const tokenURL = (origin) => base + "token?for=" + encodeURIComponent(origin);
const token = (value, expires_in = 300) => () => json(200, { access_token: value, token_type: "Bearer", expires_in }, tokenURL(app2));
const data = (url) => () => json(200, { ok: true }, url);

// accepts is an application that takes these tokens.
const accepts = (...good) => (r) => good.includes(r.headers.get("Authorization")) ? data(r.url)() : refused(app2, r.url, "session-expired");

function opens(then) {
  globalThis.open = (url, name, features) => {
    assert.equal(url, ""); // within the click: what is asked first takes time
    const w = { name, features, closed: false, told: [], close() { this.closed = this.over = true; }, postMessage(...m) { this.told.push(m); } };
    w.location = { get href() { throw new Error("another origin's"); }, replace(to) { w.url = to; setTimeout(then, 20, w); } };
    windows.push(w);
    return w;
  };
}
const literal = (text) => text.replace(/[.?+/]/g, "\\$&");
const form = new RegExp("^/rd=" + literal(encodeURIComponent(base + "done?0.")) + "\\d+" + literal(wanted) + "$");
const visit = (origin) => new RegExp("^" + literal(origin + pathname + "login") + form.source.replace("^\\/", "\\?"));
const keyOf = (w) => new URL(new URL(w.url).searchParams.get("rd")).search;
const finish = (w) => { w.location = { href: base + "done" + keyOf(w) }; };
const isolated = (then) => opens((w) => { w.closed = true; setTimeout(then, 20, w); }); // as a page with Cross-Origin-Opener-Policy sees it
const broadcast = (data, from) => [...channels].forEach((c) => c !== from && c.onmessage?.({ data }));
const click = (isTrusted) => [...clicks].forEach((listen) => listen({ isTrusted }));
const pause = (ms) => new Promise((r) => setTimeout(r, ms));

// until waits for what comes soon, or not for long.
async function until(yes) {
  for (let i = 0; i < 1000 && !yes(); i++) await new Promise((r) => setTimeout(r, 5));
}

// says plays a message of a window.
const says = (source, origin, data) => [...heard].forEach((listen) => listen({ source, origin, data }));
const begins = () => answer(base + "login", (r) => json(200, { to: attempt }, r.url));

test("the same origin gets a plain fetch", async () => {
  const { accessFetch } = await load();
  answer(app1 + "/data", data(app1 + "/data"));
  const r = await accessFetch(app1 + "/data", { method: "POST", body: "x" });
  assert.deepEqual(await r.json(), { ok: true });
  assert.deepEqual(calls.map((c) => [c.url, c.token, c.redirect, c.text]), [[app1 + "/data", null, "follow", "x"]]);
});

test("another origin gets a token, to that origin alone, and no redirect is followed", async () => {
  const { accessFetch } = await load();
  answer(tokenURL(app2), token("t1"));
  answer(app2 + "/data", data(app2 + "/data"));
  await accessFetch(new URL(app2 + "/data"));
  await accessFetch(new Request(app2 + "/data"), { headers: { "X-A": "1" } });
  assert.deepEqual(calls.map((c) => [c.url, c.token, c.redirect]),
    [[tokenURL(app2), null, "error"], [app2 + "/data", "Bearer t1", "error"], [app2 + "/data", "Bearer t1", "error"]]);
  assert.equal(calls[0].xrw, "ostiary");
  assert.equal(calls[0].credentials, "same-origin");
  await accessFetch(app2 + "/data", { redirect: "manual" });
  assert.equal(calls.at(-1).redirect, "manual");
});

test("concurrent calls share one request for a token, and each origin has its own", async () => {
  const { accessFetch } = await load();
  const app4 = "https://app4.hostname.test";
  answer(tokenURL(app2), token("t2"));
  answer(tokenURL(app4), token("t4"));
  answer(app2 + "/a", data(app2 + "/a"));
  answer(app4 + "/a", data(app4 + "/a"));
  await Promise.all([1, 2, 3, 4, 5].flatMap(() => [accessFetch(app2 + "/a"), accessFetch(app4 + "/a")]));
  assert.equal(to(tokenURL(app2)).length, 1);
  assert.equal(to(tokenURL(app4)).length, 1);
  assert.ok(to(app2 + "/a").every((c) => c.token === "Bearer t2"));
  assert.ok(to(app4 + "/a").every((c) => c.token === "Bearer t4"));
});

test("a token is renewed 30 seconds before it expires", async (t) => {
  const { accessFetch } = await load();
  t.mock.timers.enable({ apis: ["Date"], now: 1e12 });
  answer(tokenURL(app2), token("t1", 300), token("t2", 300));
  answer(app2 + "/a", data(app2 + "/a"));
  for (const at of [0, 269, 271]) {
    t.mock.timers.setTime(1e12 + at * 1000);
    await accessFetch(app2 + "/a");
  }
  assert.deepEqual(to(app2 + "/a").map((c) => c.token), ["Bearer t1", "Bearer t1", "Bearer t2"]);
});

test("an application that accepts no tokens gets a plain fetch, and is not asked about again at once", async () => {
  const { accessFetch } = await load();
  answer(tokenURL(app2), () => json(403, { reason: "tokens-not-accepted" }, tokenURL(app2)));
  answer(app2 + "/a", data(app2 + "/a"));
  await accessFetch(app2 + "/a", { credentials: "include" });
  await accessFetch(app2 + "/a", { credentials: "include" });
  assert.equal(to(tokenURL(app2)).length, 1);
  assert.deepEqual(to(app2 + "/a").map((c) => [c.token, c.credentials, c.redirect]), Array(2).fill([null, "include", "follow"]));
});

test("where our host fails, a plain fetch, and it is asked again", async () => {
  const { accessFetch } = await load();
  answer(tokenURL(app2), () => { throw new TypeError("offline"); }, () => new Response("", { status: 502 }),
    () => new Response("not JSON"), token("t1"));
  answer(app2 + "/a", data(app2 + "/a"));
  for (let i = 0; i < 4; i++) {
    await accessFetch(app2 + "/a");
    await new Promise((r) => setTimeout(r, 3));
  }
  assert.deepEqual(to(app2 + "/a").map((c) => c.token), [null, null, null, "Bearer t1"]);
});

test("a call that wants no token gets none", async () => {
  const { accessFetch } = await load();
  answer(app2 + "/a", data(app2 + "/a"));
  await accessFetch(app2 + "/a", { credentials: "omit" });
  await accessFetch(app2 + "/a", { mode: "no-cors" });
  await accessFetch(app2 + "/a", { headers: { Authorization: "Basic x" } });
  assert.deepEqual(calls.map((c) => [c.url, c.token]), [[app2 + "/a", null], [app2 + "/a", null], [app2 + "/a", "Basic x"]]);
});

test("a refused token is dropped, and another tried once", async () => {
  const { accessFetch } = await load();
  answer(tokenURL(app2), token("old"), token("new"));
  answer(app2 + "/a", accepts("Bearer new"));
  const rs = await Promise.all([1, 2, 3].map(() => accessFetch(app2 + "/a", { method: "POST", body: "x" })));
  assert.deepEqual(rs.map((r) => r.status), [200, 200, 200]);
  assert.equal(to(tokenURL(app2)).length, 2);
  assert.ok(to(app2 + "/a").every((c) => c.text === "x"));
  answer(app2 + "/a", accepts("Bearer none"));
  calls = [];
  assert.equal((await accessFetch(app2 + "/a")).status, 401);
  assert.equal(to(app2 + "/a").length, 2);
});

test("the body of a refusal can still be read", async () => {
  const { accessFetch, configure } = await load();
  configure({ login: "none" });
  answer(app1 + "/data", () => refused(app1));
  const r = await accessFetch(app1 + "/data");
  assert.equal((await r.json()).reason, "no-session");
  assert.equal(calls.length, 1);
});

test("a stream is not sent twice", async () => {
  const { accessFetch } = await load();
  opens(finish);
  answer(app1 + "/data", () => refused(app1));
  answer(tokenURL(app2), token("old"));
  answer(app2 + "/a", accepts("none"));
  const stream = () => new Blob(["x"]).stream();
  assert.equal((await accessFetch(app1 + "/data", { method: "POST", body: stream(), duplex: "half" })).status, 401);
  assert.equal((await accessFetch(new Request(app1 + "/data", { method: "POST", body: "x" }))).status, 401);
  assert.equal((await accessFetch(app2 + "/a", { method: "POST", body: stream(), duplex: "half" })).status, 401);
  assert.equal(to(app1 + "/data").length, 2);
  assert.equal(to(app2 + "/a").length, 1);
  assert.equal(windows.length, 0);
});

test("a sign-in in a window, then the call goes on; one window for all callers", async () => {
  const { accessFetch } = await load();
  let signedIn = false;
  opens((w) => { signedIn = true; finish(w); });
  answer(app1 + "/data", (r) => (signedIn ? data(r.url)() : refused(app1)));
  const rs = await Promise.all([1, 2, 3].map(() => accessFetch(app1 + "/data")));
  assert.deepEqual(rs.map((r) => r.status), [200, 200, 200]);
  assert.equal(windows.length, 1);
  assert.match(windows[0].url, visit(app1));
  assert.ok(windows[0].closed);
});

test("no window: the caller gets the 401", async () => {
  const { accessFetch } = await load();
  answer(app1 + "/data", () => refused(app1));
  assert.equal((await accessFetch(app1 + "/data")).status, 401); // a worker
  globalThis.open = () => null; // no gesture
  assert.equal((await accessFetch(app1 + "/data")).status, 401);
});

test("a window closed without a sign-in: the call is tried again, and its 401 handed back", async () => {
  const { accessFetch } = await load();
  opens((w) => setTimeout(() => { w.closed = true; focus = true; }, 600));
  answer(app1 + "/data", () => refused(app1));
  assert.equal((await accessFetch(app1 + "/data")).status, 401);
  assert.equal(to(app1 + "/data").length, 2);
  assert.equal(windows.length, 1);
});

test("a window that only looks closed is waited for, wherever the focus is, until its last page says so", async () => {
  const { accessFetch } = await load();
  let signedIn = false, early;
  answer(base + "get-identity", () => json(200, {}, base + "get-identity")); // an older session, for other pages
  isolated(async (w) => {
    for (focus of [true, true, false, true, true]) await pause(600);
    for (const other of ["", "done", null, "?0.5", keyOf(w).slice(1)]) broadcast(other);
    click(false); // a script's
    await pause(20);
    early = calls.length;
    signedIn = true;
    broadcast(keyOf(w));
  });
  answer(app1 + "/data", (r) => (signedIn ? data(r.url)() : refused(app1)));
  assert.equal((await accessFetch(app1 + "/data")).status, 200);
  assert.equal(early, 2, "it went on before the sign-in was over, or asked somebody"); // the call, and where to sign in
  assert.deepEqual([heard.size, clicks.size, channels.size], [0, 0, 0]);
});

test("whoever clicks on the page goes on without a window that looks closed", async () => {
  const { accessFetch } = await load();
  isolated(() => click(true));
  answer(app1 + "/data", () => refused(app1));
  assert.equal((await accessFetch(app1 + "/data")).status, 401);
  const again = accessFetch(app1 + "/data");
  await until(() => windows.length > 1);
  assert.equal((await again).status, 401);
  assert.equal(windows.length, 2, "the next call has no window of its own");
});

test("a click on the page leaves a window that can be seen alone", async () => {
  const { accessFetch } = await load();
  let early;
  opens(async (w) => {
    click(true);
    await pause(20);
    early = to(app1 + "/data").length;
    finish(w);
  });
  answer(app1 + "/data", () => refused(app1));
  await accessFetch(app1 + "/data");
  assert.equal(early, 1);
});

test("a provider's page may cut a window off that was seen before", async () => {
  const { accessFetch } = await load();
  let early;
  opens(async (w) => {
    await pause(600);
    w.closed = true;
    await pause(1700);
    early = to(app1 + "/data").length;
    broadcast(keyOf(w));
  });
  answer(app1 + "/data", () => refused(app1));
  await accessFetch(app1 + "/data");
  assert.equal(early, 1);
});

test("a worker's page in place of a window's last one says that it is over", async () => {
  const said = [];
  globalThis.close = () => said.push("close");
  for (const [href, want] of [
    [base + "done?0.5", ["?0.5", "close"]], [base + "done", []], [base + "done2?0.5", []], [app1 + "/done?0.5", []],
  ]) {
    said.length = 0;
    channels.clear();
    channels.add({ onmessage: ({ data }) => said.push(data) });
    location.href = href;
    await load();
    assert.deepEqual(said, want, href);
  }
  delete globalThis.close;
});

test("of random messages none is believed but the sign-in's own window's, at the team host", async () => {
  const { accessFetch } = await load();
  begins();
  let seed = 1 + Math.floor(Math.random() * 2 ** 31), early;
  const first = seed;
  const of = (list) => list[(seed = (seed * 48271) % (2 ** 31 - 1)) % list.length];
  const trap = { get ostiary() { throw new Error("read"); } };
  opens((w) => {
    const hosts = [team, team + ".", team + ":443", team.toUpperCase(), "null", "", app1, "https://evil.test", null, undefined];
    for (let i = 0; i < 2000; i++) {
      const source = of([w, {}, null, undefined, globalThis]), origin = of(hosts);
      const data = of([{ ostiary: "" }, { ostiary: "t1" }, { ostiary: 1 }, { ostiary: {} }, { ostiary: ["t"] }, { Ostiary: "" }, "ostiary", "", 0, null, undefined, []]);
      if (source === w && origin === team && typeof data?.ostiary === "string") continue; // the one that is
      says(source, origin, data);
    }
    says({}, team, trap);
    says(w, "https://evil.test", trap); // what others send is not even looked at
    setTimeout(() => {
      early = calls.length;
      says(w, team, { ostiary: "" });
    }, 100);
  });
  let asked = 0;
  answer(app1 + "/data", (r) => (asked++ ? data(r.url)() : refused(app1)));
  assert.equal((await accessFetch(app1 + "/data")).status, 200, "seed " + first);
  assert.equal(early, 2, "seed " + first); // the call that was refused, and the beginning
});

test("the window goes to the team host that our own host names, and its page says when it is over", async () => {
  const { accessFetch } = await load();
  begins();
  let signedIn = false, early;
  opens((w) => {
    for (const [source, origin, message] of [
      [w, "https://evil.test", { ostiary: "" }], [{}, team, { ostiary: "" }], [w, app1, { ostiary: "" }],
      [w, team, {}], [w, team, null], [w, team, "done"], [w, team, { ostiary: true }],
    ]) says(source, origin, message);
    setTimeout(() => {
      early = to(app1 + "/data").length + w.told.length;
      signedIn = true;
      says(w, team, { ostiary: "" });
    }, 100);
  });
  answer(app1 + "/data", (r) => (signedIn ? data(r.url)() : refused(app1)));
  assert.equal((await accessFetch(app1 + "/data")).status, 200);
  assert.equal(early, 1, "somebody else was believed");
  assert.equal(windows[0].url, attempt);
  assert.ok(windows[0].closed);
  const [begun] = to(base + "login");
  assert.deepEqual([begun.method, begun.redirect, begun.credentials], ["POST", "error", "same-origin"]);
  assert.match("/" + begun.text, form);
  assert.equal(heard.size, 0);
});

test("what the window hands over goes to our own host, and the window is told", async () => {
  const { accessFetch } = await load();
  begins();
  let signedIn = false, tries = 0;
  opens((w) => { says({}, team, { ostiary: "ticket=stolen" }); says(w, "https://evil.test", { ostiary: "ticket=planted" }); says(w, team, { ostiary: "ticket=t" }); });
  answer(base + "authorized", (r) => {
    if (!tries++) {
      until(() => windows[0].told.length).then(() => says(windows[0], team, { ostiary: "ticket=t" }));
      return json(409, { reason: "no-state" }, r.url);
    }
    signedIn = true;
    return json(200, { to: base + "done" }, r.url);
  });
  answer(app1 + "/data", (r) => (signedIn ? data(r.url)() : refused(app1)));
  assert.equal((await accessFetch(app1 + "/data")).status, 200);
  assert.deepEqual(to(base + "authorized").map((c) => [c.method, c.text, c.redirect]), Array(2).fill(["POST", "ticket=t", "error"]));
  assert.deepEqual(windows[0].told, [[{ ostiary: false }, team], [{ ostiary: true }, team]]);
});

test("what another host answers is no place to sign in at", async () => {
  const { accessFetch } = await load();
  opens(finish);
  answer(app2 + "/data", () => refused(app2));
  answer(tokenURL(app2), () => json(403, { reason: "tokens-not-accepted" }, tokenURL(app2)));
  await accessFetch(app2 + "/data", { credentials: "include" });
  assert.match(windows[0].url, visit(app2));
  assert.equal(calls.filter((c) => c.method === "POST").length, 0);
});

test("a host that begins no sign-in by a script is visited", async () => {
  for (const how of [() => json(405, {}, ""), () => json(200, { to: "no address" }, ""), () => json(200, {}, ""), () => new Response("old"), () => { throw new TypeError("offline"); }]) {
    const { accessFetch } = await load();
    answer(base + "login", how);
    opens(finish);
    answer(app1 + "/data", () => refused(app1), data(app1 + "/data"));
    assert.equal((await accessFetch(app1 + "/data")).status, 200);
    assert.match(windows.at(-1).url, visit(app1));
  }
});

test("a sign-in that arrives at a page of the application is ended there first", async () => {
  const steps = [];
  Object.assign(location, { pathname: pathname + "authorized", hash: "#ticket=t", replace: (to) => steps.push(to) });
  globalThis.history = { replaceState: (...s) => { steps.push(s.join()); location.hash = ""; } };
  globalThis.close = () => steps.push("close");
  answer(base + "authorized", (r) => json(200, { to: app1 + "/page" }, r.url));
  answer(app1 + "/data", data(app1 + "/data"));
  const { accessFetch } = await load();
  accessFetch(app1 + "/data").then(() => assert.fail("this page ends"));
  await until(() => steps.length > 1);
  assert.deepEqual(steps, [",,/", app1 + "/page"]);
  assert.deepEqual(calls.map((c) => [c.url, c.method, c.text]), [[base + "authorized", "POST", "ticket=t"]]);
  // One that is of no use is forgotten, and the page goes on.
  answer(base + "authorized", (r) => json(409, {}, r.url));
  location.hash = "#ticket=t";
  assert.equal((await (await load()).accessFetch(app1 + "/data")).status, 200);
  delete globalThis.close;
});

test("signing out", async () => {
  const { signOut, accessFetch } = await load();
  answer(base + "logout", data(base + "logout"));
  answer(base + "logout?all", () => json(503, {}, ""));
  assert.equal(await signOut(), true);
  assert.equal(await signOut(true), false);
  assert.deepEqual(calls.map((c) => [c.url, c.method, c.text]), [[base + "logout", "POST", ""], [base + "logout?all", "POST", ""]]);
  answer(tokenURL(app2), token("ann"), token("bob"));
  answer(app2 + "/a", data(app2 + "/a"));
  await accessFetch(app2 + "/a");
  await signOut();
  await accessFetch(app2 + "/a");
  assert.deepEqual(to(app2 + "/a").map((c) => c.token), ["Bearer ann", "Bearer bob"]);
});

test("our session is over: sign in here, then the token, then the call", async () => {
  const { accessFetch } = await load();
  let signedIn = false;
  opens((w) => { signedIn = true; finish(w); });
  answer(tokenURL(app2), () => (signedIn ? token("t1")() : refused(app1, tokenURL(app2))));
  answer(app2 + "/a", accepts("Bearer t1"));
  const rs = await Promise.all([1, 2].map(() => accessFetch(app2 + "/a", { method: "PUT", body: "x" })));
  assert.deepEqual(rs.map((r) => r.status), [200, 200]);
  assert.equal(windows.length, 1);
  assert.ok(to(app2 + "/a").every((c) => c.token === "Bearer t1" && c.text === "x"));
});

test("our session ends while a token lives: dropped token, sign-in, call", async () => {
  const { accessFetch } = await load();
  opens(finish);
  answer(tokenURL(app2), token("old"), () => refused(app1, tokenURL(app2)), token("new"));
  answer(app2 + "/a", accepts("Bearer new"));
  assert.equal((await accessFetch(app2 + "/a")).status, 200);
  assert.equal(windows.length, 1);
});

test("our session is over and nobody signs in: our own 401, and nothing sent", async () => {
  const { accessFetch, configure } = await load();
  configure({ login: "none" });
  answer(tokenURL(app2), () => refused(app1, tokenURL(app2)));
  const r = await accessFetch(app2 + "/a");
  assert.equal(new URL((await r.json()).login_url).origin, app1);
  assert.equal(to(app2 + "/a").length, 0);
});

test("after a sign-in, perhaps of somebody else, no old token is used", async () => {
  const { accessFetch } = await load();
  opens(finish);
  answer(tokenURL(app2), token("ann"), token("bob"));
  answer(app2 + "/a", data(app2 + "/a"));
  answer(app1 + "/data", () => refused(app1), data(app1 + "/data"));
  await accessFetch(app2 + "/a");
  await accessFetch(app1 + "/data");
  await accessFetch(app2 + "/a");
  assert.deepEqual(to(app2 + "/a").map((c) => c.token), ["Bearer ann", "Bearer bob"]);
});

test("redirect: this page goes to sign in and comes back", async () => {
  const { accessFetch, configure } = await load();
  configure({ login: "redirect" });
  answer(app1 + "/data", () => refused(app1));
  accessFetch(app1 + "/data").then(() => assert.fail("it must not go on"));
  await until(() => windows.length);
  assert.deepEqual(windows, [{ assigned: app1 + pathname + "login?rd=" + encodeURIComponent(location.href) + wanted }]);
});

test("redirect: to the team host that our own host names", async () => {
  const { accessFetch, configure } = await load();
  configure({ login: "redirect" });
  begins();
  answer(app1 + "/data", () => refused(app1));
  accessFetch(app1 + "/data").then(() => assert.fail("it must not go on"));
  await until(() => windows.length);
  assert.deepEqual(windows, [{ assigned: attempt }]);
  assert.equal(to(base + "login")[0].text, "rd=" + encodeURIComponent(location.href) + wanted);
});

test("a function of the page's own offers the sign-in", async () => {
  const { accessFetch, configure } = await load();
  let asked = [];
  configure({ login: (refusal) => { asked.push(refusal.reason); return asked.length > 1; } });
  configure({});
  answer(app1 + "/data", () => refused(app1), () => refused(app1), data(app1 + "/data"));
  assert.equal((await accessFetch(app1 + "/data")).status, 401);
  assert.equal((await accessFetch(app1 + "/data")).status, 200);
  assert.deepEqual(asked, ["no-session", "no-session"]);
  opens(finish);
  configure({ login: (_, popup) => popup() });
  answer(app1 + "/data", () => refused(app1), data(app1 + "/data"));
  assert.equal((await accessFetch(app1 + "/data")).status, 200);
});

test("an application's own 401 is none of ours", async () => {
  const { accessFetch } = await load();
  opens(() => assert.fail("no window"));
  for (const body of [
    "plain", "{}", "null", '{"login_url":"javascript:alert(1)"}',
    JSON.stringify({ reason: "x", login_url: "https://evil.test" + pathname + "login" }),
    JSON.stringify({ reason: "x", login_url: app1 + "/login" }),
  ]) {
    answer(app1 + "/data", () => Object.defineProperty(new Response(body, { status: 401 }), "url", { value: app1 + "/data" }));
    const r = await accessFetch(app1 + "/data");
    assert.equal(r.status, 401);
    assert.equal(await r.text(), body);
  }
  assert.equal(windows.length, 0);
});

test("an aborted call waits for nobody", async () => {
  const { accessFetch } = await load();
  const stop = new AbortController();
  opens(() => stop.abort(new Error("enough")));
  answer(app1 + "/data", () => refused(app1));
  await assert.rejects(accessFetch(app1 + "/data", { signal: stop.signal }), /enough/);
  const late = new AbortController();
  answer(tokenURL(app2), () => new Promise((r) => setTimeout(r, 200, token("t1")())));
  setTimeout(() => late.abort(new Error("too late")), 20);
  await assert.rejects(accessFetch(app2 + "/a", { signal: late.signal }), /too late/);
  assert.equal(to(app2 + "/a").length, 0);
  await new Promise((r) => setTimeout(r, 600)); // the window has the focus
  windows[0].closed = focus = true; // who shares the sign-in would go on
  await until(() => windows[0].over);
});

test("it may take the place of fetch", async () => {
  const { accessFetch } = await load();
  answer(tokenURL(app2), token("t1"));
  answer(app2 + "/a", data(app2 + "/a"));
  globalThis.fetch = accessFetch;
  assert.equal((await fetch(app2 + "/a")).status, 200);
  assert.equal(calls.length, 2);
});

test("no globals, and importing it calls nobody", async () => {
  const before = Object.keys(globalThis).sort();
  const module = await load();
  assert.deepEqual(Object.keys(globalThis).sort(), before);
  assert.deepEqual(Object.keys(module).sort(), ["accessEvents", "accessFetch", "accessSocket", "configure", "signOut"]);
  assert.equal(calls.length, 0);
});

// streams plays WebSocket or EventSource: each that is made ends as the next word says.
function streams(name, ...ends) {
  const made = [];
  globalThis[name] = class {
    constructor(url, more) {
      Object.assign(this, { url: String(url), more, closed: false });
      made.push(this);
      const type = ends.shift();
      setTimeout(() => (type === "open" ? this.onopen : this.onerror)({ type }), 5);
    }
    close() { this.closed = true; }
  };
  return made;
}
const failed = (promise) => promise.then(() => "opened", ({ reason, refusal }) => [reason, refusal?.login_url]);

for (const [name, call, url, more] of [
  ["WebSocket", "accessSocket", "wss://app1.site.test/feed", ["v1"]], ["EventSource", "accessEvents", app1 + "/feed", { withCredentials: true }]]) {
  test(name + ": what opens is left alone, and nothing is asked", async () => {
    const module = await load(), made = streams(name, "open");
    const stream = await module[call]("/feed", more);
    assert.deepEqual([made.length, stream.url, stream.more, stream.closed, calls.length], [1, url, more, false, 0]);
    assert.deepEqual([stream.onopen, stream.onerror], [null, null]); // a later error is not ours
  });

  test(name + ": a session that is over is told, signs in and connects again, once", async () => {
    const module = await load();
    answer(app1 + "/feed", () => refused(app1, app1 + "/feed"));
    module.configure({ login: () => true });
    let made = streams(name, "error", "open");
    assert.equal(await module[call]("/feed"), made[1]);
    assert.ok(made[0].closed && !made[1].closed);
    made = streams(name, "error", "error", "open");
    assert.deepEqual(await failed(module[call]("/feed")), ["session-ended", app1 + pathname + "login?rd=%2Fdata"]);
    assert.equal(made.length, 2);
    module.configure({ login: "none" });
    made = streams(name, "error", "open");
    assert.equal((await failed(module[call]("/feed")))[0], "session-ended");
    assert.ok(made.length === 1 && made.every((m) => m.closed));
    assert.ok(calls.every((c) => c.url === app1 + "/feed" && c.method === "GET" && c.redirect === "error" && !c.xrw));
  });

  test(name + ": denied and the network are told apart, and nobody is asked to sign in", async () => {
    const module = await load();
    module.configure({ login: () => assert.fail("a sign-in") });
    for (const [how, want] of [
      [(r) => json(403, { reason: "no-rule-matched" }, r.url), "denied"], [(r) => json(401, { error: "the application's" }, r.url), "denied"],
      [(r) => json(401, { reason: "no-session", login_url: "https://evil.test" + pathname + "login" }, r.url), "denied"],
      [(r) => json(200, {}, r.url), "network"], [(r) => json(502, {}, r.url), "network"], [() => { throw new TypeError("gone"); }, "network"]]) {
      answer(app1 + "/feed", how);
      streams(name, "error");
      assert.deepEqual(await failed(module[call]("/feed")), [want, undefined]);
    }
  });

  test(name + ": who does not answer is the network, within two seconds", async () => {
    globalThis.fetch = (url, { signal }) => new Promise((_, no) => signal.addEventListener("abort", () => no(signal.reason)));
    const module = await load();
    streams(name, "error");
    const began = Date.now(), awake = setTimeout(() => {}, 60_000); // the module's own clock keeps no process
    assert.equal((await failed(module[call]("/feed")))[0], "network");
    clearTimeout(awake);
    assert.ok(Date.now() - began >= 1900);
  });

  test(name + ": a stream that the answer is does not go on", async () => {
    const module = await load();
    let over = false;
    answer(app1 + "/feed", () => new Response(new ReadableStream({ cancel() { over = true; } })));
    streams(name, "error");
    assert.equal((await failed(module[call]("/feed")))[0], "network");
    assert.ok(over);
  });
}
