// Checkpoints: notes that the log has signed (https://c2sp.org/signed-note, https://c2sp.org/tlog-checkpoint).

import { base64, equal, hex, joined, sha256, utf8 } from "./bytes.js";
import { refuted } from "./finding.js";
import { signedByRaw } from "./signature.js";

const ED25519 = 1;
const ID_BYTES = 4;
// Far above any log: larger numbers are not exact here.
const SIZE_MAX = 2 ** 48;

const unreadable = (what) => refuted("unreadable checkpoint", `The log's ${what} cannot be read.`);

// A key that verifies notes, NAME+ID+BASE64, whose id must follow from the rest.
async function verifier(text) {
  const [, name, id, encoded] = /^([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/.exec(text) ?? [];
  if (name === undefined) throw unreadable("key");
  const typed = base64(encoded);
  const ownId = (await sha256(joined(utf8(`${name}\n`), typed))).slice(0, ID_BYTES);
  if (typed[0] !== ED25519 || typed.length !== 33 || hex(ownId) !== id) throw unreadable("key");
  return { name, id: ownId, key: typed.slice(1) };
}

// The signatures of a note by what is called as the key is.
function signatures(lines, { name, id }) {
  const own = lines.split("\n").filter((line) => line.startsWith(`— ${name} `));
  const decoded = own.map((line) => base64(line.slice(line.lastIndexOf(" ") + 1)));
  return decoded.filter((bytes) => equal(bytes.slice(0, ID_BYTES), id)).map((bytes) => bytes.slice(ID_BYTES));
}

// How many entries and which root the log has, as it has signed with this key.
export async function openNote(note, verifierKey) {
  const by = await verifier(verifierKey);
  const end = note.lastIndexOf("\n\n");
  const body = note.slice(0, end + 1);
  const [origin, size, root] = body.split("\n");
  const made = signatures(note.slice(end + 2), by).map((signature) => signedByRaw(by.key, utf8(body), signature));
  if (!(await Promise.all(made)).includes(true)) {
    throw refuted("unsigned checkpoint", "The log's checkpoint is not signed by the log's key.", [note]);
  }
  const isNumber = /^(0|[1-9]\d{0,14})$/.test(size) && Number(size) <= SIZE_MAX;
  if (origin !== by.name || !isNumber) throw unreadable("checkpoint");
  return { size: Number(size), root: base64(root), note, key: verifierKey };
}
