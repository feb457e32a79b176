// What is proved of a release. A release is what the page says of it, { name, repository, component, artifact, key, logged, keyLogged }; each
// check asks the registry again, and believes the page in nothing.

import { digest, text } from "./bytes.js";
import { noted, open, proved, refuted } from "./finding.js";
import { cosignature } from "./note.js";
import { bytesAt } from "./registry.js";
import { artifactOf, keyName, signedBy } from "./signature.js";

const SIGNATURE = "dev.cosignproject.cosign/signature";
// How many entries of the log are read at most to see that none revokes a key: some megabytes.
const ENTRIES_MAX = 16384;

const blob = ({ repository }, name) => `/v2/${repository}/blobs/${name}`;
const manifest = ({ repository }, name) => `/v2/${repository}/manifests/${name}`;

// The artifact that was signed names the component, and the component's bytes are those.
export async function component(release) {
  const artifact = await bytesAt(manifest(release, release.artifact));
  const found = await digest(artifact);
  if (found !== release.artifact) {
    throw refuted("changed artifact", `The artifact's manifest hashes to ${found}, and ${release.artifact} was signed.`);
  }
  const { layers } = JSON.parse(text(artifact));
  if (!layers.some((layer) => layer.digest === release.component)) {
    throw refuted("changed artifact", `The artifact that was signed does not name ${release.component}.`);
  }
  const bytes = await bytesAt(blob(release, release.component));
  const hash = await digest(bytes);
  if (hash !== release.component) {
    throw refuted("changed component", `The bytes that the registry serves hash to ${hash}, and ${release.component} was signed.`);
  }
  return proved(`${bytes.length.toLocaleString("en")} bytes were fetched again and hash to ${hash}, which the signed artifact names.`);
}

// Some payload beside the artifact names it, and the publisher's key has signed that payload.
export async function signature(release) {
  const name = await keyName(release.key);
  const { layers } = JSON.parse(text(await bytesAt(manifest(release, `${release.artifact.replace(":", "-")}.sig`))));
  for (const layer of layers) {
    const payload = await bytesAt(blob(release, layer.digest));
    const isSigned = await signedBy(release.key, payload, layer.annotations?.[SIGNATURE] ?? "");
    if (isSigned && artifactOf(text(payload)) === release.artifact) return proved(`Key ${name} has signed ${release.artifact}.`);
  }
  throw refuted("foreign signature", `Of ${layers.length} signatures beside the artifact, key ${name} has made none over it.`);
}

// The log told of the release, as the page does.
export async function logged(release, log) {
  const entry = JSON.parse(text(await log.entry(release.logged)));
  const told = [entry.type, entry.release, entry.component, entry.artifact, entry.key];
  const shown = ["released", release.name, release.component, release.artifact, await keyName(release.key)];
  if (told.join() !== shown.join()) {
    throw refuted("another release", `Entry ${release.logged} of the log does not tell what this page does: ${told.join(", ")}.`);
  }
  return proved(`Entry ${release.logged} of the log tells of it, accepted at ${entry.at}, and is in the tree that the log has signed.`);
}

// The log told of the key before, and never took it back for the time at which it signed.
export async function key(release, log) {
  const name = await keyName(release.key);
  const added = JSON.parse(text(await log.entry(release.keyLogged)));
  if (release.keyLogged >= release.logged || !isOf(release, added)) {
    throw refuted("foreign key", `Entry ${release.keyLogged} of the log does not give key ${name} to who has published this release.`);
  }
  if (added.type === "key-bound") return proved(`Entry ${release.keyLogged} of the log binds key ${name} to this one release.`);
  const given = `Entry ${release.keyLogged} of the log gives key ${name} to '${added.namespace}'`;
  const later = log.checkpoint.size - release.keyLogged - 1;
  if (later > ENTRIES_MAX) throw open(`${given}. Whether one of the ${later} since revokes it, chandlery log audit can say.`);
  const { at } = JSON.parse(text(await log.entry(release.logged)));
  const entries = (await log.entriesFrom(release.keyLogged)).map((entry) => JSON.parse(text(entry)));
  const isRevoked = (entry) => entry.type === "key-revoked" && entry.namespace === added.namespace && entry.key === name;
  const revoked = entries.find((entry) => isRevoked(entry) && nanoseconds(entry.from) <= nanoseconds(at));
  if (revoked) {
    throw refuted("revoked key", `The log says not to trust key ${name} from ${revoked.from} on, and the release is of ${at}.`);
  }
  return proved(`${given}, and none of the ${later} since revokes it for ${at}, when the release was accepted.`);
}

// Each witness that the registry asks has cosigned the checkpoint, so that it shows everybody the same log.
export async function witnesses(log) {
  if (log.witnesses.length === 0) return noted("The registry asks no witness to cosign its log.");
  const { note } = log.checkpoint;
  const each = await Promise.all(log.witnesses.map((key) => cosignature(note, key)));
  const names = (is) => each.filter((one) => one.is === is).map(({ name }) => name);
  const [good, missing, forged] = ["good", "missing", "false"].map(names);
  if (forged.length > 0) {
    throw refuted("false cosignature", `The checkpoint has a cosignature of ${forged.join(", ")} that this witness has not made.`, [note]);
  }
  const by = good.length > 0 ? `: ${good.join(", ")}` : "";
  const count = `Cosigned by ${good.length} of ${each.length} witnesses${by}.`;
  return missing.length > 0 ? open(`${count} Not by ${missing.join(", ")}.`) : proved(count);
}

// Whether an entry of the log lets the release's key sign it.
function isOf(release, entry) {
  if (entry.key !== release.key) return false;
  const isBound = entry.type === "key-bound" && entry.release === release.name && entry.artifact === release.artifact;
  return isBound || (entry.type === "key-added" && entry.namespace === release.name.split(":")[0]);
}

// A moment in UTC, to the nanosecond.
function nanoseconds(moment) {
  const [, second, fraction = ""] = /^([^.]+?)(?:\.(\d+))?Z$/.exec(moment);
  return BigInt(Date.parse(`${second}Z`)) * 1000000n + BigInt(fraction.padEnd(9, "0"));
}
