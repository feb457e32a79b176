// The modules that compute the tree, beside what the package computes: `vectors` is { roots, blocks }: the root of the first n entries
// "entry N" at n - 1, and the root of each whole tile of 256 of them, all in hexadecimal digits. Answers with what differs.
const [done] = arguments;

async function differing() {
  const { leafHash, tilePath, Tree } = await import("/proof/tree.js");
  const { equal, hex, joined, utf8 } = await import("/proof/bytes.js");
  const bytes = (digits) => Uint8Array.from(digits.match(/../g), (byte) => parseInt(byte, 16));
  const leaves = await Promise.all(vectors.roots.map((_, at) => leafHash(utf8(`entry ${at}`))));
  const levels = [leaves, vectors.blocks.map(bytes)];
  const served = (path) => {
    const [, level, tile, width = 256] = /^(\d)\/(\d{3})(?:\.p\/(\d+))?$/.exec(path);
    return joined(...levels[level].slice(tile * 256, tile * 256 + Number(width)));
  };
  const faults = [];
  const must = (holds, what) => { if (!holds) faults.push(what); };
  for (const size of [1, 2, 3, 7, 255, 256, 257, 513, 600]) {
    const root = bytes(vectors.roots[size - 1]);
    for (const index of [0, 1, 5, 255, 256, 512, size - 1].filter((index) => index < size)) {
      const tree = new Tree(size, served);
      must(equal(await tree.rootThrough(index, [leaves[index]]), root), `entry ${index} of ${size}`);
      must(!equal(await tree.rootThrough(index, [await leafHash(utf8("another"))]), root), `another entry ${index} of ${size}`);
      must(equal(await tree.rootThrough(index, leaves.slice(index, size)), root), `entries ${index} to ${size}`);
      const { before, now } = await tree.rootsOf(index + 1);
      must(hex(before) === vectors.roots[index] && equal(now, root), `${size} after ${index + 1}`);
    }
  }
  const paths = { 0: "000.p/9", 999: "999.p/9", 1000: "x001/000.p/9", 1234067: "x001/x234/067.p/9" };
  for (const [index, path] of Object.entries(paths)) must(tilePath(Number(index), 9) === path, `${tilePath(Number(index), 9)}: ${path}`);
  must(tilePath(1, 256) === "001", "a whole tile");
  return faults;
}

differing().then(done, (error) => done([String(error)]));
