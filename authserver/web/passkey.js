"use strict";
// The page says what to ask a passkey; its answer goes into the form, which is sent as any
// other. Without this script, or without passkeys, the form is not there.
const form = document.getElementById("passkey");
const { create, get } = form.dataset;
const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
  .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const withID = (key) => ({ ...key, id: bytes(key.id) });

function say(name) {
  for (const problem of document.querySelectorAll("[data-problem]")) problem.hidden = problem.dataset.problem !== name;
}

// made has a passkey made, and returns what the page sends of the answer.
async function made() {
  const options = JSON.parse(create);
  options.challenge = bytes(options.challenge);
  options.user = withID(options.user);
  options.excludeCredentials = (options.excludeCredentials ?? []).map(withID);
  const key = await navigator.credentials.create({ publicKey: options });
  return [key, {
    attestationObject: text(key.response.attestationObject),
    transports: key.response.getTransports?.() ?? [],
  }];
}

// signed has a passkey sign, and returns what the page sends of the answer.
async function signed() {
  const options = JSON.parse(get);
  options.challenge = bytes(options.challenge);
  options.allowCredentials = options.allowCredentials.map(withID);
  const key = await navigator.credentials.get({ publicKey: options });
  const { authenticatorData, signature, userHandle } = key.response;
  return [key, {
    authenticatorData: text(authenticatorData), signature: text(signature), ...(userHandle && { userHandle: text(userHandle) }),
  }];
}

if (window.PublicKeyCredential) {
  form.hidden = false;
} else {
  say("unsupported");
}
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  say("");
  try {
    const [key, response] = await (create ? made() : signed());
    response.clientDataJSON = text(key.response.clientDataJSON);
    form.elements.passkey.value = JSON.stringify({ id: key.id, rawId: text(key.rawId), type: key.type, response });
    form.submit();
  } catch (e) {
    button.disabled = false;
    say(e.name === "InvalidStateError" ? "registered" : "unused");
  }
});
