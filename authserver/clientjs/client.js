// SPDX-License-Identifier: Apache-2.0

const { fetch } = globalThis; // so that accessFetch may take its place
const base = new URL(new URL(".", import.meta.url).pathname, location.origin);
const tokens = new Map(); // by origin, in memory alone
const logins = new Map();
let login = "popup";

export function configure(options) {
  login = options.login ?? login;
}

export async function accessFetch(input, init) {
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

// needsToken returns another origin that cookies may not reach.
function needsToken({ url, mode, credentials, headers }) {
  const { origin, protocol } = new URL(url);
  return /^https?:$/.test(protocol) && origin !== location.origin && mode === "cors" &&
    credentials !== "omit" && !headers.has("Authorization") && origin;
}

function own(path) {
  return fetch(new URL(path, base), {
    headers: { "X-Requested-With": "ostiary" },
    credentials: "same-origin", cache: "no-store", redirect: "error",
  });
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
    location.assign(loginURL(refusal.login_url, location.href));
    await new Promise(() => {}); // this page ends
  } else if (login !== "none") done = await login(refusal, popup);
  if (done) tokens.clear(); // it may be somebody else
  return done;
}

function loginURL(address, back) {
  const url = new URL(address);
  url.searchParams.set("rd", back);
  return url.href;
}

async function inPopup(address) {
  const done = new URL("done", base).href;
  const popup = globalThis.open?.(loginURL(address, done), "ostiary", "popup,width=520,height=680");
  if (!popup) return false;
  for (;;) {
    await new Promise((next) => setTimeout(next, 500));
    try {
      if (popup.location.href === done) {
        popup.close();
        return true;
      }
    } catch {} // another origin's
    // Cross-Origin-Opener-Policy makes an open window look closed, but for the focus.
    if (!popup.closed) continue;
    if (document.hasFocus()) return true;
    if (address.startsWith(base) && (await own("get-identity").catch(() => {}))?.ok) return true;
  }
}

function unlessAborted(signal, promise) {
  return new Promise((yes, no) => {
    promise.then(yes, no);
    signal.addEventListener("abort", () => no(signal.reason));
  });
}
