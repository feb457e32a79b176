// What the registry is asked, past every cache: what is proved is what it says now.

import { text } from "./bytes.js";
import { open } from "./finding.js";

export async function bytesAt(path) {
  let answer;
  try {
    answer = await fetch(path, { cache: "no-store" });
    if (answer.ok) return new Uint8Array(await answer.arrayBuffer());
  } catch {
    throw open("The registry did not answer. Try again.");
  }
  throw open(`The registry refuses ${path}: ${await reason(answer)}.`);
}

export const textAt = async (path) => text(await bytesAt(path));

export const jsonAt = async (path) => JSON.parse(await textAt(path));

// What an OCI error or a problem says of itself.
async function reason(answer) {
  try {
    const said = await answer.json();
    return said.errors?.[0]?.message ?? said.detail ?? said.title;
  } catch {
    return `status ${answer.status}`;
  }
}
