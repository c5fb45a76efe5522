// SPDX-License-Identifier: Apache-2.0

// What pages write. It must compile, and so must each line marked as an error fail.
import { accessFetch, configure, type Login, type Refusal } from "./client.js";

export async function page(button: HTMLButtonElement): Promise<string> {
  configure({ login: "redirect" });
  configure({});
  const ask: Login = (refusal: Refusal, popup) =>
    new Promise<boolean>((done) => {
      button.title = `${refusal.reason} ${refusal.login_url} ${refusal.request_id}`;
      button.onclick = () => void popup().then(done);
    });
  configure({ login: ask });
  configure({ login: () => false });
  // @ts-expect-error there is no such way
  configure({ login: "tab" });
  // @ts-expect-error a promise of a response, as of fetch
  accessFetch("/data").json();
  const same: typeof fetch = accessFetch;
  const r: Response = await same(new URL("https://app2.example.net/data"), { method: "POST", body: "{}" });
  return (await accessFetch(new Request(r.url))).text();
}
