"use strict";
// Without this script, the button is not there.
const field = document.getElementById("password");
const show = document.getElementById("show");
show.hidden = false;
show.addEventListener("click", () => {
  const shown = field.type === "password";
  field.type = shown ? "text" : "password";
  show.setAttribute("aria-pressed", String(shown));
  field.focus();
});
// What is typed is not kept as a text that browsers offer again.
field.form.addEventListener("submit", () => { field.type = "password"; });
