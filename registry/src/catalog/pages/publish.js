// Signs in the browser: with an Ed25519 key that was made or taken in here, cannot be read out again, and is not sent anywhere. What is
// signed comes from the page, and the registry looks at each signature as it does at any other.

const DATABASE = "chandlery";
const KEYS = "keys";
// What stands before the 32 bytes of a public key in SPKI, and of a private one in PKCS#8 (RFC 8410).
const PUBLIC_HEAD = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const PRIVATE_HEAD = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
const SEED_AT = PRIVATE_HEAD.length;
const SEED_BYTES = 32;

const base64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)));
const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const encoded = (text) => new TextEncoder().encode(text);
const asPem = (spki) => `-----BEGIN PUBLIC KEY-----\n${base64(spki)}\n-----END PUBLIC KEY-----\n`;

// One request of the browser's own store of keys.
function stored(mode, ask) {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(KEYS);
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const database = opening.result;
      const asked = database.transaction(KEYS, mode);
      const request = ask(asked.objectStore(KEYS));
      asked.oncomplete = () => {
        database.close();
        resolve(request.result);
      };
      asked.onabort = () => reject(asked.error);
    };
  });
}

const keyOf = (namespace) => stored("readonly", (keys) => keys.get(namespace));
const keep = (namespace, key) => stored("readwrite", (keys) => keys.put(key, namespace));

// What the registry calls a key.
async function idOf(pem) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", encoded(pem)));
  const digits = [...digest.slice(0, 8)].map((byte) => byte.toString(16).padStart(2, "0"));
  return `SHA256:${digits.join("")}`;
}

async function made() {
  const pair = await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]);
  return { key: pair.privateKey, pem: asPem(await crypto.subtle.exportKey("spki", pair.publicKey)) };
}

// The seed of a private key, whose head differs where its public half is inside, too.
function seedOf(pem) {
  const inside = pem.match(/-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END PRIVATE KEY-----/);
  const der = inside ? bytesOf(inside[1].replace(/\s/g, "")) : new Uint8Array();
  const isHead = PRIVATE_HEAD.every((byte, at) => at === 1 || at === 4 || der[at] === byte);
  if (!isHead || der.length < SEED_AT + SEED_BYTES) {
    throw new Error("This is not an Ed25519 key in PKCS#8. Paste the whole file, which begins with -----BEGIN PRIVATE KEY-----, of a key without a password.");
  }
  return der.slice(SEED_AT, SEED_AT + SEED_BYTES);
}

async function taken(pem) {
  const pkcs8 = new Uint8Array([...PRIVATE_HEAD, ...seedOf(pem)]);
  const imported = (readable) => crypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", readable, ["sign"]);
  // Its public half is read from a copy that is dropped.
  const { x } = await crypto.subtle.exportKey("jwk", await imported(true));
  const half = bytesOf(x.replaceAll("-", "+").replaceAll("_", "/"));
  return { key: await imported(false), pem: asPem(new Uint8Array([...PUBLIC_HEAD, ...half])) };
}

function say(form, text) {
  const place = form.querySelector("[role=alert]");
  place.textContent = text;
  place.hidden = text === "";
}

const isKnown = (form, own) => JSON.parse(form.dataset.keys).includes(own.pem);

// What this browser can do: sign with the key that it has, where that signs for the namespace or may be added to it.
async function show(form) {
  const own = await keyOf(form.dataset.sign);
  form.querySelector("[data-own]").hidden = !own;
  form.querySelector("[data-none]").hidden = Boolean(own);
  if (!own) return;
  const known = isKnown(form, own);
  form.querySelector("[data-own] code").textContent = await idOf(own.pem);
  form.querySelector("[data-own] span").textContent = known ? "It signs for the namespace." : form.dataset.unknown;
  form.querySelector("button:not([type])").disabled = !known && !("takesUnknown" in form.dataset);
}

async function signed(form) {
  const own = await keyOf(form.dataset.sign);
  const sign = async (text) => base64(await crypto.subtle.sign("Ed25519", own.key, encoded(text)));
  form.elements.key.value = own.pem;
  for (const field of form.querySelectorAll("[data-text]")) field.value = await sign(field.dataset.text);
  form.elements.proof.value = isKnown(form, own) ? "" : await sign(form.dataset.proof);
}

// Does something that may fail, and says why it did.
function guarded(form, act) {
  return async (event) => {
    event.preventDefault();
    say(form, "");
    try {
      await act();
    } catch (error) {
      say(form, error.message);
    }
  };
}

async function begin(form) {
  form.hidden = false;
  if (!window.crypto?.subtle) {
    say(form, "Browsers sign only on pages served over https. Open this page over https, or use the command line.");
    return;
  }
  const namespace = form.dataset.sign;
  const pem = form.querySelector("[data-pem]");
  const use = async (own) => {
    await keep(namespace, own);
    await show(form);
  };
  form.querySelector("[data-make]").addEventListener("click", guarded(form, async () => use(await made())));
  form.querySelector("[data-take]").addEventListener("click", guarded(form, async () => {
    await use(await taken(pem.value));
    pem.value = "";
  }));
  form.addEventListener("submit", guarded(form, async () => {
    await signed(form);
    form.submit();
  }));
  await show(form).catch((error) => say(form, error.message));
}

for (const form of document.querySelectorAll("form[data-sign]")) begin(form);
