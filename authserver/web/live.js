"use strict";
// New denials go on top of the list: each comes as the HTML of its row, which the server
// has escaped.
const list = document.getElementById("denials");
const state = document.getElementById("live");
const events = new EventSource(list.dataset.events);
events.addEventListener("open", () => { state.textContent = "Live: new denials appear here."; });
events.addEventListener("error", () => { state.textContent = "Not live: reconnecting."; });
events.addEventListener("denial", (event) => {
  const row = document.createElement("template");
  row.innerHTML = event.data;
  list.prepend(row.content);
  list.setAttribute("role", "list");
  document.getElementById("none")?.remove();
  while (list.children.length > 200) list.lastElementChild.remove();
});
