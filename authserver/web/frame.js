"use strict";
// It looks whether there is a session, and loads the frame again. Nothing here signs anybody
// in but what the person does in the tab.
const { identity, silent, jar } = document.getElementById("frame").dataset;
const show = (id, yes) => { document.getElementById(id).hidden = !yes; };

// tried reports whether this frame was sent to sign in without a word just now, and keeps
// that it is. Where that cannot be kept, it would never end.
function tried() {
  try {
    const key = "ostiary-frame " + location.href;
    const before = Number(sessionStorage.getItem(key));
    sessionStorage.setItem(key, String(Date.now()));
    return Date.now() - before < 30_000;
  } catch {
    return true;
  }
}

async function signedIn() {
  try {
    const options = { headers: { Accept: "application/json" }, credentials: "same-origin", cache: "no-store", redirect: "error" };
    return (await fetch(identity, options)).ok;
  } catch {
    return false;
  }
}

let until = 0;
async function look() {
  if (Date.now() > until) show("waiting", false);
  else if (await signedIn()) location.reload();
  else setTimeout(look, 2000);
}

async function ask() {
  try {
    await document.requestStorageAccess();
    location.reload();
  } catch {
    show("refused", true);
  }
}

const send = (address, form) => fetch(address, {
  method: "POST", body: new URLSearchParams(form), headers: { Accept: "application/json" },
  credentials: "same-origin", cache: "no-store", redirect: "error",
});

// signIn begins in this frame, so that the key is in its jar of cookies, which the tab does not
// have; and ends in it, by what the tab hands over.
async function signIn(link, tab) {
  const form = new URL(link).searchParams;
  form.set("jar", "1");
  try {
    const answer = await send(link, form);
    const begun = new URL((await answer.json()).to);
    addEventListener("message", async ({ source, origin, data }) => {
      if (source !== tab || origin !== begun.origin || typeof data?.ostiary !== "string") return;
      const yes = await send(new URL("authorized", link), data.ostiary).then((taken) => taken.ok, () => false);
      tab.postMessage({ ostiary: yes }, origin);
      if (yes) location.reload();
    });
    tab.location.replace(begun);
  } catch {
    tab.location.replace(link);
  }
}

async function begin() {
  document.getElementById("access").addEventListener("click", ask);
  document.getElementById("sign-in").addEventListener("click", (event) => {
    const tab = jar && open("", "_blank"); // at once, as the click counts for moments
    if (tab) {
      event.preventDefault();
      signIn(event.target.href, tab);
    }
    const waits = Date.now() < until;
    until = Date.now() + 600_000;
    show("waiting", true);
    if (!waits) setTimeout(look, 2000);
  });
  if (!jar && document.requestStorageAccess && !(await document.hasStorageAccess())) show("access", true);
}

if (identity) {
  if (silent && !tried()) location.replace(silent + location.hash);
  else begin();
}
