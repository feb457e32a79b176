// Bytes: hashed, compared, and read from text and written as such.

export const utf8 = (text) => new TextEncoder().encode(text);

export const text = (bytes) => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);

export const base64 = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));

export const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

export const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));

// What OCI calls content: sha256:<64 hex digits>.
export const digest = async (bytes) => `sha256:${hex(await sha256(bytes))}`;

export const equal = (one, other) => one.length === other.length && one.every((byte, at) => byte === other[at]);

export function joined(...parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
