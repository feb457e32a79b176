// Ed25519, by the browser's own WebCrypto, and what cosign signs with it.

import { base64, hex, sha256, utf8 } from "./bytes.js";

const PAYLOAD_TYPE = "cosign container image signature";

// Whether this browser has what the checks need; without a way that is safe to the registry it has no cryptography at all.
export async function isSupported() {
  try {
    await crypto.subtle.importKey("raw", new Uint8Array(32), "Ed25519", false, ["verify"]);
    return true;
  } catch {
    return false;
  }
}

async function verify(form, decoded) {
  try {
    const [key, message, signature] = decoded();
    const imported = await crypto.subtle.importKey(form, key, "Ed25519", false, ["verify"]);
    return await crypto.subtle.verify("Ed25519", imported, signature, message);
  } catch {
    // No key on the curve, or no base64.
    return false;
  }
}

// Whether the key with these 32 bytes has made a signature of 64 over a message.
export const signedByRaw = (key, message, signature) => verify("raw", () => [key, message, signature]);

// Whether a public key, as SPKI in PEM, has made a signature, in base64, over a message.
export function signedBy(pem, message, signature) {
  const decoded = () => [base64(pem.replace(/-----[A-Z ]+-----|\s/g, "")), message, base64(signature)];
  return verify("spki", decoded);
}

// What a public key is called: the beginning of the digest of its PEM text.
export const keyName = async (pem) => `SHA256:${hex(await sha256(utf8(pem))).slice(0, 16)}`;

// The digest of the artifact that a payload in cosign's form, which was signed, is about.
export function artifactOf(payload) {
  const { critical } = JSON.parse(payload);
  return critical.type === PAYLOAD_TYPE ? critical.image["docker-manifest-digest"] : undefined;
}
