// SPDX-License-Identifier: Apache-2.0

const { fetch } = globalThis; // so that accessFetch may take its place
const base = new URL(new URL(".", import.meta.url).pathname, location.origin);
const done = new URL("done", base).href; // where a window ends that was opened to sign in
const tokens = new Map(); // by origin, in memory alone
const logins = new Map();
let login = "popup";

export function configure(options) {
  login = options.login ?? login;
}

// signOut ends the session at this application, or at all of them.
export async function signOut(everywhere) {
  tokens.clear();
  return (await own("logout" + (everywhere ? "?all" : ""), {})).ok;
}

export async function accessFetch(input, init) {
  await landed;
  let renewed, offered;
  for (;;) {
    let request = new Request(input, init);
    const origin = needsToken(request);
    const grant = origin && (await unlessAborted(request.signal, grantFor(origin)));
    if (grant?.token) {
      // Not every browser takes Authorization off a redirect to another origin
      // (Fetch, HTTP-redirect fetch, since 2022), so nothing is followed.
      if (request.redirect === "follow") request = new Request(request, { redirect: "error" });
      request.headers.set("Authorization", "Bearer " + grant.token);
    }
    const response = grant?.refused?.clone() ?? (await fetch(request));
    const refusal = await refusalIn(response);
    // A stream can be read once.
    if (!refusal || input?.bodyUsed || init?.body?.getReader) return response;
    if (grant?.token) {
      if (renewed) return response;
      renewed = true;
      if (tokens.get(origin) === grant) tokens.delete(origin);
    } else {
      if (offered || !(await unlessAborted(request.signal, offer(refusal)))) return response;
      offered = true;
    }
  }
}

// accessSocket opens a WebSocket, and accessEvents an EventSource. Browsers say nothing of
// why one fails; a fetch of the same address does.
export function accessSocket(url, protocols) {
  const asked = new URL(url, location.href), socket = new URL(asked);
  asked.protocol = asked.protocol.replace("ws", "http");
  socket.protocol = asked.protocol.replace("http", "ws");
  return stream(asked, "include", () => new WebSocket(socket, protocols));
}

export function accessEvents(url, init) {
  const asked = new URL(url, location.href);
  return stream(asked, init?.withCredentials ? "include" : "same-origin", () => new EventSource(asked, init));
}

async function stream(url, credentials, make) {
  await landed;
  for (let again; ; again = true) {
    const made = make();
    if (await opens(made)) return made;
    const [reason, refusal] = await whyNot(url, credentials);
    if (again || !refusal || !(await offer(refusal))) throw Object.assign(new Error(reason), { reason, refusal });
  }
}

// opens leaves what has opened alone: an EventSource connects again by itself from then on.
function opens(made) {
  return new Promise((done) => {
    made.onopen = made.onerror = ({ type }) => {
      made.onopen = made.onerror = null;
      if (type !== "open") made.close();
      done(type === "open");
    };
  });
}

async function whyNot(url, credentials) {
  try {
    const response = await fetch(url, { credentials, cache: "no-store", redirect: "error", signal: AbortSignal.timeout(2000) });
    const refusal = await refusalIn(response);
    response.body?.cancel().catch(() => {}); // it may be a stream without an end
    if (refusal) return ["session-ended", refusal];
    if (response.status === 401 || response.status === 403) return ["denied"];
  } catch {}
  return ["network"];
}

// needsToken returns another origin that cookies may not reach.
function needsToken({ url, mode, credentials, headers }) {
  const { origin, protocol } = new URL(url);
  return /^https?:$/.test(protocol) && origin !== location.origin && mode === "cors" &&
    credentials !== "omit" && !headers.has("Authorization") && origin;
}

// own asks our host, by a GET or with a form. No service worker of the application
// takes a fetch of ours for a visit.
function own(path, form) {
  return fetch(new URL(path, base), {
    headers: { "X-Requested-With": "ostiary", Accept: "application/json" },
    credentials: "same-origin", cache: "no-store", redirect: "error",
    ...(form && { method: "POST", body: new URLSearchParams(form) }),
  });
}

// post sends a form, and returns where our host says to go then.
async function post(path, form) {
  try {
    const response = await own(path, form);
    if (response.ok) return new URL((await response.json()).to);
  } catch {}
}

async function grantFor(origin) {
  let grant = tokens.get(origin);
  if (!(grant?.until > Date.now())) {
    grant = { until: Infinity };
    grant.ready = ask(origin, grant);
    tokens.set(origin, grant);
  }
  await grant.ready;
  return grant;
}

// ask leaves a grant without a token where the other application takes none, or
// ours cannot be asked: what follows is a plain fetch.
async function ask(origin, grant) {
  let seconds = 0;
  try {
    const response = await own("token?for=" + encodeURIComponent(origin));
    if (response.ok) {
      const answer = await response.json();
      grant.token = answer.access_token;
      seconds = answer.expires_in - 30;
    } else if (response.status === 401) {
      grant.refused = response;
    } else if (response.status < 500) {
      seconds = 60;
    }
  } catch {}
  grant.until = Date.now() + seconds * 1000;
}

// refusalIn returns what our 401 says. An application's own is none of ours, and
// nobody can name another host's page to sign in at.
async function refusalIn(response) {
  if (response.status !== 401) return;
  try {
    const refusal = await response.clone().json();
    const { origin, pathname } = new URL(refusal.login_url);
    if (origin === new URL(response.url).origin && pathname === base.pathname + "login") return refusal;
  } catch {}
}

// offer has one sign-in at a time at each origin.
function offer(refusal) {
  const { origin } = new URL(refusal.login_url);
  let answer = logins.get(origin);
  if (!answer) {
    answer = start(refusal).finally(() => logins.delete(origin));
    logins.set(origin, answer);
  }
  return answer;
}

async function start(refusal) {
  const popup = () => inPopup(refusal.login_url);
  let done;
  if (login === "popup") done = await popup();
  else if (login === "redirect") {
    keepAddress();
    location.assign(await begin(refusal.login_url, location.href));
    await new Promise(() => {}); // this page ends
  } else if (login !== "none") done = await login(refusal, popup);
  if (done) tokens.clear(); // it may be somebody else
  return done;
}

// keepAddress has this tab keep where it is, as the address may be too long for the sign-in:
// the page that ends it looks here.
function keepAddress() {
  try {
    sessionStorage.setItem("ostiary-address", location.pathname + location.search + location.hash);
  } catch {} // a full storage, or none
}

// begin returns where to sign in: at the team host, where no worker of this application
// is. Our own host alone can say which that is; failing that, the login address.
async function begin(address, back) {
  const url = new URL(address);
  const { searchParams } = url, form = { rd: back, for: searchParams.get("rd") };
  const team = url.origin === location.origin && (await post("login", form));
  for (const name in form) searchParams.set(name, form[name]);
  return team || url;
}

async function inPopup(address) {
  const key = "?" + Math.random(); // another window's end is not this one's
  const popup = globalThis.open?.("", "ostiary", "popup,width=520,height=680"); // at once, as the click counts for moments
  if (!popup) return false;
  const team = await begin(address, done + key);
  const heard = new AbortController();
  const word = listen(popup, team.origin, key, heard.signal);
  popup.location.replace(team.href);
  try {
    for (let seen, here = 0; ; ) {
      if (await Promise.race([word, new Promise((next) => setTimeout(next, 500))])) return true;
      try {
        if (popup.location.href === done + key) return true;
      } catch {
        seen ||= !popup.closed; // at another origin
      }
      // Where this page is isolated (Cross-Origin-Opener-Policy), the window looks closed from
      // the start. A provider's page may cut it off later: whoever closes one comes back here.
      here = popup.closed && seen && document.hasFocus() ? here + 1 : 0;
      if (here > 1) return true;
    }
  } finally {
    heard.abort();
    popup.close();
  }
}

// listen waits until a page says that the sign-in is over: the team host's, or the window's
// last one, which is of this origin. What the former could not bring to this host itself,
// it hands over. Only the person knows of a window that looks closed whether it is: whoever
// clicks on this page goes on without it.
function listen(popup, team, key, signal) {
  return new Promise((done) => {
    const channel = new BroadcastChannel("ostiary");
    channel.onmessage = ({ data }) => data === key && done(true);
    signal.addEventListener("abort", () => channel.close());
    globalThis.addEventListener?.("click", ({ isTrusted }) => isTrusted && popup.closed && done(true), { signal, capture: true });
    globalThis.addEventListener?.("message", async ({ source, origin, data }) => {
      if (source !== popup || origin !== team || typeof data?.ostiary !== "string") return;
      const yes = !data.ostiary || !!(await post("authorized", data.ostiary));
      if (data.ostiary) popup.postMessage({ ostiary: yes }, team);
      if (yes) done(true);
    }, { signal });
  });
}

// end is for a window's last page, where a service worker shows one of the application.
function end({ href }) {
  const [page, key] = href.split("?");
  if (page !== done || !key) return;
  new BroadcastChannel("ostiary").postMessage("?" + key);
  close();
}

// land ends a sign-in that arrived at a page of the application, by a service worker
// that answers any visit.
async function land() {
  const ticket = location.hash.slice(1);
  history.replaceState(null, "", "/");
  const to = await post("authorized", ticket);
  if (!to) return;
  end(to);
  location.replace(to.href);
  await new Promise(() => {}); // this page ends
}

end(location);
const landed = location.pathname === base.pathname + "authorized" && location.hash ? land() : undefined;

function unlessAborted(signal, promise) {
  return new Promise((yes, no) => {
    promise.then(yes, no);
    signal.addEventListener("abort", () => no(signal.reason));
  });
}
