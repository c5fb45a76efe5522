"use strict";
// What goes to an application goes by a fetch: a service worker of the application
// holds no request of another host's page. Where the browser keeps the application's
// cookies from this page, the application's own page sends it, and last a form does.
const form = document.getElementById("onward");
const { origin, to, next, popup, hand, only, shown } = form.dataset;
const content = () => new URLSearchParams(new FormData(form)).toString();

const send = () => fetch(form.action, {
  method: "POST", body: new URLSearchParams(content()), headers: { Accept: "application/json" },
  credentials: "include", cache: "no-store", redirect: "error",
});

// taken sends the form, and returns where to go on; empty: it was not taken. The first answer
// may only try whether this browser keeps a cookie: 409.
async function taken() {
  try {
    let answer = await send();
    if (answer.status === 409) answer = await send();
    if (!answer.ok) return "";
    if (to) return to;
    const address = (await answer.json()).to;
    return next && typeof address === "string" && address.startsWith(next) ? address : "";
  } catch {
    return "";
  }
}

// handed has the page that opened this window send the form, and reports whether it did.
function handed() {
  return new Promise((done) => {
    addEventListener("message", ({ source, origin: from, data }) => {
      if (source === opener && from === origin && typeof data?.ostiary === "boolean") done(data.ostiary);
    });
    opener.postMessage({ ostiary: content() }, origin);
    setTimeout(done, 5000, false);
  });
}

async function onward() {
  const address = !shown && !only && (await taken());
  if (address) {
    if (popup && opener) { // without an opener, the last page says it
      opener.postMessage({ ostiary: "" }, origin);
      close();
    }
    location.replace(address);
  } else if (popup && hand && opener && (await handed())) {
    close();
    location.replace(to);
  } else {
    // A worker that answers any navigation shows a page of the application in place of
    // the answer. That page's accessFetch finds it here; no server is sent it.
    if (hand) form.action += "#" + content();
    form.submit();
  }
}

onward();
