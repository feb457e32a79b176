// Checkpoints: notes that the log has signed (https://c2sp.org/signed-note, https://c2sp.org/tlog-checkpoint).

import { base64, equal, hex, joined, sha256, utf8 } from "./bytes.js";
import { refuted } from "./finding.js";
import { signedByRaw } from "./signature.js";

const ED25519 = 1;
// What a witness signs with: https://c2sp.org/tlog-cosignature
const COSIGNATURE = 4;
const TIME_BYTES = 8;
const SIGNATURE_BYTES = 64;
const ID_BYTES = 4;
// Far above any log: larger numbers are not exact here.
const SIZE_MAX = 2 ** 48;

const unreadable = (what) => refuted("unreadable checkpoint", `The log's ${what} cannot be read.`);

// A key that verifies notes by this algorithm, NAME+ID+BASE64, whose id must follow from the rest.
async function verifier(text, algorithm) {
  const [, name, id, encoded] = /^([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/.exec(text) ?? [];
  if (name === undefined) throw unreadable("key");
  const typed = base64(encoded);
  const ownId = (await sha256(joined(utf8(`${name}\n`), typed))).slice(0, ID_BYTES);
  if (typed[0] !== algorithm || typed.length !== 33 || hex(ownId) !== id) throw unreadable("key");
  return { name, id: ownId, key: typed.slice(1) };
}

// The signatures of a note by what is called as the key is.
function signatures(lines, { name, id }) {
  const own = lines.split("\n").filter((line) => line.startsWith(`— ${name} `));
  const decoded = own.map((line) => base64(line.slice(line.lastIndexOf(" ") + 1)));
  return decoded.filter((bytes) => equal(bytes.slice(0, ID_BYTES), id)).map((bytes) => bytes.slice(ID_BYTES));
}

// What a note says, and the lines of those who have signed it.
function parts(note) {
  const end = note.lastIndexOf("\n\n");
  return [note.slice(0, end + 1), note.slice(end + 2)];
}

// How many entries and which root the log has, as it has signed with this key.
export async function openNote(note, verifierKey) {
  const by = await verifier(verifierKey, ED25519);
  const [body, lines] = parts(note);
  const [origin, size, root] = body.split("\n");
  const made = signatures(lines, by).map((signature) => signedByRaw(by.key, utf8(body), signature));
  if (!(await Promise.all(made)).includes(true)) {
    throw refuted("unsigned checkpoint", "The log's checkpoint is not signed by the log's key.", [note]);
  }
  const isNumber = /^(0|[1-9]\d{0,14})$/.test(size) && Number(size) <= SIZE_MAX;
  if (origin !== by.name || !isNumber) throw unreadable("checkpoint");
  return { size: Number(size), root: base64(root), note, key: verifierKey };
}

// What a note has of a witness: its cosignature, something that is none though it says so, or nothing.
export async function cosignature(note, witnessKey) {
  const by = await verifier(witnessKey, COSIGNATURE);
  const [body, lines] = parts(note);
  const made = signatures(lines, by);
  if (made.length === 0) return { name: by.name, is: "missing" };
  const good = await Promise.all(made.map((bytes) => hasCosigned(by.key, body, bytes)));
  return { name: by.name, is: good.includes(true) ? "good" : "false" };
}

// A cosignature is over the time at which it was made, which stands before it, and what the note says.
async function hasCosigned(key, body, bytes) {
  if (bytes.length !== TIME_BYTES + SIGNATURE_BYTES) return false;
  const seconds = new DataView(bytes.buffer).getBigUint64(0);
  return signedByRaw(key, utf8(`cosignature/v1\ntime ${seconds}\n${body}`), bytes.slice(TIME_BYTES));
}
