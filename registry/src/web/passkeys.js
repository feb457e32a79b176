// Passkeys: asks the browser for one, and hands its answer on. What is asked comes from the registry, and so does what is said of the answer.

const supported = window.PublicKeyCredential?.parseCreationOptionsFromJSON && window.PublicKeyCredential.prototype.toJSON;

function say(place, text) {
  place.textContent = text;
  place.hidden = false;
}

// Why no passkey can be used on this page; nothing, where one can.
function obstacle(form) {
  const { domain, origin } = form.dataset;
  const here = location.hostname;
  const isThere = here === domain || here.endsWith(`.${domain}`);
  // A browser has passkeys where it is sure whom it talks to.
  if (!isThere || !window.isSecureContext) return `Passkeys work at ${origin} alone: open that instead of this address.`;
  if (!supported) return "This browser has passkeys switched off, has none, or is too old for these pages. Use another one, or your password.";
  return "";
}

async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.detail ?? said.title);
  return said;
}

// The registry compares the answer with what it asked, and redirects or says what is wrong with it.
async function create(form) {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(JSON.parse(form.dataset.create));
  const credential = await navigator.credentials.create({ publicKey });
  form.elements.credential.value = JSON.stringify(credential.toJSON());
  form.submit();
}

async function signIn(form) {
  const asked = await post("/api/v1/passkey-log-ins/challenge", {});
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(asked.public_key);
  const credential = await navigator.credentials.get({ publicKey });
  await post("/api/v1/passkey-log-ins", { challenge: asked.challenge, credential: credential.toJSON() });
  location.assign(form.dataset.next);
}

function begin(form, act) {
  form.hidden = false;
  const why = obstacle(form);
  if (why) {
    say(form.querySelector(".note"), why);
    form.querySelector("button").hidden = true;
    return;
  }
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      await act(form);
    } catch (error) {
      const text = error.name === "NotAllowedError" ? "No passkey was chosen, or it took too long." : error.message;
      say(form.querySelector("[role=alert]"), text);
      button.disabled = false;
    }
  });
}

for (const form of document.querySelectorAll("form[data-create]")) begin(form, create);
for (const form of document.querySelectorAll("form[data-sign-in]")) begin(form, signIn);
