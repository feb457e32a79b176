// The log's Merkle tree, as RFC 6962 has it, from tiles of 256 hashes each (https://c2sp.org/tlog-tiles). Tiles are not believed: what is
// computed with them must be the root that the log has signed.

import { joined, sha256 } from "./bytes.js";
import { refuted } from "./finding.js";

export const WIDTH = 256;
const TILE_HEIGHT = 8;
const HASH_BYTES = 32;

export const leafHash = (entry) => sha256(joined(Uint8Array.of(0), entry));

const parent = (left, right) => sha256(joined(Uint8Array.of(1), left, right));

// The path of a tile that has so many hashes: x001/x234/067, and x001/x234/067.p/8 where it is not full.
export function tilePath(index, width) {
  const group = (number) => String(number % 1000).padStart(3, "0");
  let path = group(index);
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) path = `x${group(rest)}/${path}`;
  return width === WIDTH ? path : `${path}.p/${width}`;
}

// Where a range of so many leaves is cut in two: the largest power of two that leaves something to the right.
function cut(count) {
  let left = 1;
  while (left * 2 < count) left *= 2;
  return left;
}

const isWhole = (count) => count === 1 || cut(count) * 2 === count;

export class Tree {
  #size;
  #read;
  #tiles = new Map();

  // `read` gives the bytes of the tile at a path, such as 0/x001/067.p/8.
  constructor(size, read) {
    this.#size = size;
    this.#read = read;
  }

  // The root, computed with these hashes of leaves from a place on, and with tiles for all that is beside them.
  rootThrough(first, hashes) {
    const end = first + hashes.length;
    const through = async (from, count) => {
      if (from + count <= first || from >= end) return this.#subtree(from, count);
      if (count === 1) return hashes[from - first];
      const left = cut(count);
      return parent(await through(from, left), await through(from + left, count - left));
    };
    return through(0, this.#size);
  }

  // The root that the tree had with so many leaves, and the one that it has now, of the same hashes.
  rootsOf(seen) {
    const both = async (from, count, old) => {
      if (old === count) {
        const same = await this.#subtree(from, count);
        return { before: same, now: same };
      }
      const left = cut(count);
      if (old <= left) {
        const { before, now } = await both(from, left, old);
        return { before, now: await parent(now, await this.#subtree(from + left, count - left)) };
      }
      const whole = await this.#subtree(from, left);
      const { before, now } = await both(from + left, count - left, old - left);
      return { before: await parent(whole, before), now: await parent(whole, now) };
    };
    return both(0, this.#size, seen);
  }

  async #subtree(from, count) {
    if (isWhole(count)) return this.#node(Math.round(Math.log2(count)), from / count);
    const left = cut(count);
    return parent(await this.#subtree(from, left), await this.#subtree(from + left, count - left));
  }

  // The hash of a whole subtree of this height, which stands in a tile or follows from hashes of one.
  async #node(height, index) {
    const count = 2 ** (height % TILE_HEIGHT);
    const first = index * count;
    const tile = await this.#tile(Math.floor(height / TILE_HEIGHT), Math.floor(first / WIDTH));
    const hash = (at) => tile.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES);
    const within = async (at, width) => {
      if (width === 1) return hash(at);
      return parent(await within(at, width / 2), await within(at + width / 2, width / 2));
    };
    return within(first % WIDTH, count);
  }

  #tile(level, index) {
    const width = Math.min(WIDTH, Math.floor(this.#size / WIDTH ** level) - index * WIDTH);
    const path = `${level}/${tilePath(index, width)}`;
    if (!this.#tiles.has(path)) this.#tiles.set(path, this.#whole(path, width));
    return this.#tiles.get(path);
  }

  async #whole(path, width) {
    const tile = await this.#read(path);
    if (tile.length === width * HASH_BYTES) return tile;
    throw refuted("false tiles", `The log's tile ${path} has ${tile.length} bytes instead of ${width * HASH_BYTES}.`);
  }
}
