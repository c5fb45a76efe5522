"use strict";
// An address that is too long for a sign-in waits in this tab's own storage, which no server
// sees, and no other origin. It has room for one, so nothing adds up.
const name = "ostiary-address";
const { href, dataset } = document.getElementById("go");
const next = new URL(href);
try {
  if ("keep" in dataset) {
    sessionStorage.setItem(name, dataset.keep || location.pathname + location.search + location.hash);
    location.replace(next);
  } else {
    // The page is the one that the sign-in led to, unless that was too long itself. The origin
    // is this one, whatever an application wrote here.
    const kept = new URL(sessionStorage.getItem(name) ?? "", next);
    sessionStorage.removeItem(name);
    const leads = next.pathname === "/" || kept.pathname === next.pathname;
    if (leads && kept.origin === location.origin && next.origin === location.origin && kept.href !== next.href) location.replace(kept);
  }
} catch {
  if ("keep" in dataset) location.replace(next); // a full storage, or none
}
