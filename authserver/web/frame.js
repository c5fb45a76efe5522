"use strict";
// It looks whether there is a session, and loads the frame again. Nothing here signs anybody
// in but what the person does in the tab.
const { identity, silent } = document.getElementById("frame").dataset;
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

async function begin() {
  document.getElementById("access").addEventListener("click", ask);
  document.getElementById("sign-in").addEventListener("click", () => {
    const waits = Date.now() < until;
    until = Date.now() + 600_000;
    show("waiting", true);
    if (!waits) setTimeout(look, 2000);
  });
  if (document.requestStorageAccess && !(await document.hasStorageAccess())) show("access", true);
}

if (identity) {
  if (silent && !tried()) location.replace(silent + location.hash);
  else begin();
}
