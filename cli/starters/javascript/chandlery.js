// What makes JavaScript's surroundings those of a plugin: the same at every call, and no silence when a call fails.

import { log } from "chandlery:plugin/logging@0.1.0";

// There is no clock: it is always the beginning of 1970.
globalThis.Date = class extends Date {
  constructor(...parts) {
    super(...(parts.length ? parts : [0]));
  }

  static now() {
    return 0;
  }
};

// Nor are there random numbers: those of mulberry32 from one seed.
let seed = 0;
Math.random = () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let bits = Math.imul(seed ^ (seed >>> 15), seed | 1);
  bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
  return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
};

// An error that is not a list of problems ends the call; its words reach whoever asked, as a panic's do.
export function reported(call) {
  return (request) => {
    try {
      return call(request);
    } catch (error) {
      if (!Array.isArray(error)) log("critical", String(error?.stack ? `${error}\n${error.stack}` : error).trim());
      throw error;
    }
  };
}
