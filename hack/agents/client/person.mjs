// SPDX-License-Identifier: Apache-2.0

import assert from "node:assert/strict";
import "./localhost.mjs";

// A Person has a browser, as far as forms, redirects and cookies go.
export class Person {
  jar = new Map();
  constructor(redirect) { this.redirect = redirect; } // where a program waits for them

  async visit(address, form) {
    for (let i = 0; i < 20; i++) {
      const { host, origin } = new URL(address);
      const own = this.jar.get(host) ?? this.jar.set(host, new Map()).get(host);
      const response = await fetch(address, {
        method: form ? "POST" : "GET", body: form, redirect: "manual",
        headers: {
          Accept: "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-Site": form ? "same-origin" : "none",
          ...(form && { Origin: origin }), Cookie: [...own].map(([k, v]) => k + "=" + v).join("; "),
        },
      });
      for (const line of response.headers.getSetCookie()) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
        if (/max-age=0/i.test(line)) own.delete(name);
        else own.set(name, value);
      }
      const to = response.headers.get("location");
      if (!to) return { address, status: response.status, text: (await response.text()).replace(/<style>[^]*<\/style>/, "") };
      address = new URL(to, address).href;
      if (address.startsWith(this.redirect)) return { address };
      form = undefined;
    }
    throw new Error("round and round: " + address);
  }

  // send sends the form of a page.
  send(page, more) {
    const text = page.text.slice(page.text.indexOf("<form method=\"post\"")), form = new URLSearchParams();
    assert.notEqual(text, page.text.slice(-1), "no form at " + page.address + ": " + page.text);
    const plain = (s) => s.replaceAll("&#34;", '"').replaceAll("&#43;", "+").replaceAll("&amp;", "&");
    for (const [, name, value] of text.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)) form.set(plain(name), plain(value));
    for (const name in more) form.set(name, more[name]);
    return this.visit(new URL(plain(/action="([^"]*)"/.exec(text)[1]), page.address).href, form);
  }
}

// agree has a person sign in for what a program asks, and agree: it returns where they are sent then.
export async function agree(person, address, user, password) {
  let page = await person.visit(address);
  assert.match(page.text, /type="password"/, page.text);
  page = await person.send(page, { username: user, password });
  assert.match(page.text ?? "", /name="question"/, page.address + page.text);
  return (await person.send(page, { answer: "allow" })).address;
}
