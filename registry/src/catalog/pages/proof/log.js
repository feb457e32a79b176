// The transparency log, as the registry serves it now.

import { equal } from "./bytes.js";
import { refuted } from "./finding.js";
import { openNote } from "./note.js";
import { bytesAt, jsonAt, textAt } from "./registry.js";
import { leafHash, tilePath, Tree, WIDTH } from "./tree.js";

// The log by its newest checkpoint, which its key has signed.
export async function openLog() {
  const { verifier_key: key, witnesses = [] } = await jsonAt("/api/v1/log");
  return new Log(await openNote(await textAt("/log/checkpoint"), key), witnesses);
}

// The entries of a tile, each after its length in two bytes.
function parsed(tile) {
  const entries = [];
  for (let at = 0; at + 2 <= tile.length; ) {
    const end = at + 2 + tile[at] * 256 + tile[at + 1];
    entries.push(tile.subarray(at + 2, end));
    at = end;
  }
  return entries;
}

async function entriesOf(tile, width) {
  const entries = parsed(await bytesAt(`/log/tile/entries/${tilePath(tile, width)}`));
  if (entries.length === width) return entries;
  throw refuted("false entries", `The registry serves ${entries.length} entries from ${tile * WIDTH} on instead of ${width}.`);
}

export class Log {
  #tree;

  constructor(checkpoint, witnesses) {
    this.checkpoint = checkpoint;
    // The keys of the witnesses that it is said to ask.
    this.witnesses = witnesses;
    this.#tree = new Tree(checkpoint.size, (path) => bytesAt(`/log/tile/${path}`));
  }

  // One entry, which the tree is proved to have at this place.
  async entry(index) {
    const { size } = this.checkpoint;
    if (index >= size) throw refuted("not in the log", `The log has ${size} entries, and none with index ${index}.`);
    const before = await entriesOf(Math.floor(index / WIDTH), (index % WIDTH) + 1);
    await this.#mustHave(index, before.slice(-1));
    return before.at(-1);
  }

  // All entries from a place on, or a few before it, proved to be those of the tree.
  async entriesFrom(index) {
    const { size } = this.checkpoint;
    const first = Math.floor(index / WIDTH);
    const tiles = Array.from({ length: Math.ceil(size / WIDTH) - first }, (_, at) => first + at);
    const entries = [];
    for (const tile of tiles) entries.push(...(await entriesOf(tile, Math.min(WIDTH, size - tile * WIDTH))));
    await this.#mustHave(first * WIDTH, entries);
    return entries;
  }

  async #mustHave(first, entries) {
    const root = await this.#tree.rootThrough(first, await Promise.all(entries.map(leafHash)));
    if (equal(root, this.checkpoint.root)) return;
    const why = `What the registry serves from entry ${first} on does not lead to the root that the log has signed.`;
    throw refuted("not in the log", why, [this.checkpoint.note]);
  }

  // Whether the log begins with all that it had at another checkpoint.
  async continues(seen) {
    const { size, root } = this.checkpoint;
    if (seen.size === 0) return true;
    if (seen.size >= size) return seen.size === size && equal(seen.root, root);
    const { before, now } = await this.#tree.rootsOf(seen.size);
    if (equal(now, root)) return equal(before, seen.root);
    throw refuted("false tiles", "The log's tiles do not lead to the root that the log has signed.", [this.checkpoint.note]);
  }
}
