// SPDX-License-Identifier: Apache-2.0

/** What a 401 of the access proxy says. */
export interface Refusal {
  /** Why, in one word: "no-session", "session-expired", ... */
  reason: string;
  /** Where to sign in. It comes back to the address in its parameter `rd`. */
  login_url: string;
  /** The line of the decision log. */
  request_id: string;
  /** What the reason means, if the installation has such a page. */
  docs?: string;
}

/**
 * Offers the sign-in: resolve to true, and the call is made again; to false, and
 * the caller gets the 401. `popup` does what the mode "popup" does; call it in the
 * handler of a click, as browsers open no window otherwise.
 */
export type Login = (refusal: Refusal, popup: () => Promise<boolean>) => boolean | Promise<boolean>;

export interface Options {
  /**
   * - `"popup"` (the default): a window to sign in, then the call goes on. Where the
   *   browser opens none, the caller gets the 401. An isolated page
   *   (Cross-Origin-Opener-Policy) cannot see whether the window was closed: whoever
   *   clicks on it goes on without.
   * - `"redirect"`: this page goes to sign in, and is loaded again.
   * - `"none"`: the caller gets the 401.
   */
  login?: "popup" | "redirect" | "none" | Login;
}

/** Changes how to sign in. What is left out stays as it was. */
export declare function configure(options: Options): void;

/**
 * Ends the session at this application, or with `true` all sessions of this person.
 * Resolves to whether that worked. It arrives where a service worker answers visits to
 * `logout` from a cache.
 */
export declare function signOut(everywhere?: boolean): Promise<boolean>;

/**
 * `fetch`, which signs in where the session is over, and which calls applications
 * at other origins with a token, if they accept one: browsers may keep their
 * cookies from this page. Such a call follows no redirect unless the application
 * is called without a token, and a call with a stream as its body is not repeated.
 * It may be put in the place of `fetch`. The page's Content-Security-Policy has to
 * allow the same as for `fetch`, and this module: `script-src 'self'`.
 *
 * `credentials: "omit"`, `mode: "no-cors"` and an `Authorization` of your own are
 * left alone.
 */
export declare function accessFetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>;

/** Why a stream did not open. */
export interface StreamError extends Error {
  /**
   * - `"session-ended"`: nobody is signed in, and no sign-in took place: offer it by a click.
   * - `"denied"`: signing in would not help.
   * - `"network"`: the network, or the application itself. Try again later.
   */
  reason: "session-ended" | "denied" | "network";
  /** What the 401 says, if the session has ended. */
  refusal?: Refusal;
}

/**
 * Opens a WebSocket and resolves to it once it is open. Where the session is over, it signs in as
 * `accessFetch` does, and connects again. It rejects with a StreamError. To know why, it asks for
 * the same address with a GET, for two seconds at most. What happens to an open socket is yours:
 * call again when it closes.
 */
export declare function accessSocket(url: string | URL, protocols?: string | string[]): Promise<WebSocket>;

/** The same for an EventSource, which goes on connecting by itself once it was open. */
export declare function accessEvents(url: string | URL, init?: EventSourceInit): Promise<EventSource>;
