// SPDX-License-Identifier: Apache-2.0

// What pages write. It must compile, and so must each line marked as an error fail.
import { accessEvents, accessFetch, accessSocket, configure, type Login, type Refusal, type StreamError } from "./client.js";

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

export async function feed(): Promise<string> {
  try {
    const socket: WebSocket = await accessSocket("/feed", ["v1"]);
    const events: EventSource = await accessEvents(new URL("https://app2.example.net/events"), { withCredentials: true });
    return socket.protocol + events.url;
  } catch (error) {
    const { reason, refusal } = error as StreamError;
    // @ts-expect-error there is no such reason
    if (reason === "closed") return "";
    return reason === "session-ended" ? (refusal?.login_url ?? "") : reason;
  }
}
