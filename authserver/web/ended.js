"use strict";
// The page that opened this window may not see it (Cross-Origin-Opener-Policy), but hears
// what its own origin says. The query is its own, and names this window.
new BroadcastChannel("ostiary").postMessage(location.search);
close();
