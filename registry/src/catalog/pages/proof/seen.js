// The last checkpoint of the registry's log that this browser saw, so that nobody can show it another history later.

import { noted, open, proved, refuted } from "./finding.js";
import { openNote } from "./note.js";

const PLACE = "chandlery.log";

async function lastSeen() {
  let kept;
  try {
    kept = localStorage.getItem(PLACE);
  } catch {
    throw open("This browser keeps nothing of this site, so there is nothing to compare the log with.");
  }
  if (kept === null) return undefined;
  const { note, key } = JSON.parse(kept);
  return openNote(note, key);
}

const keep = ({ note, key }) => localStorage.setItem(PLACE, JSON.stringify({ note, key }));

// Whether the log goes on from what this browser saw of it. Only a log that does is kept in its place.
export async function continued(log) {
  const seen = await lastSeen();
  const now = log.checkpoint;
  if (!seen) {
    keep(now);
    return noted(`This browser sees this log for the first time. It keeps the checkpoint of ${now.size} entries to compare later ones with.`);
  }
  const evidence = [seen.note, now.note];
  const isContinued = await log.continues(seen);
  if (seen.key !== now.key) throw ofAnotherKey(seen, now, isContinued, evidence);
  if (seen.size > now.size) {
    const why = `This browser saw ${seen.size} entries, and now there are ${now.size}: something that was said is hidden.`;
    throw refuted("log went back", why, evidence);
  }
  if (!isContinued) {
    const why = `The first ${seen.size} entries are not those that this browser saw. The log's key has signed both histories.`;
    throw refuted("forked log", why, evidence);
  }
  keep(now);
  return proved(`All ${seen.size} entries that this browser saw are still the same; ${now.size - seen.size} came since.`);
}

// An operator may replace the log's key, and whoever answers in the registry's place has another one: a browser cannot tell which it was.
function ofAnotherKey(seen, now, isContinued, evidence) {
  const keys = `The key was ${seen.key} and is ${now.key}.`;
  if (!isContinued) {
    const why = `Another key has signed it, and the ${seen.size} entries that this browser saw are not in it. ${keys} ` +
      "A registry that was set up anew looks like this, and so does somebody who answers in its place.";
    return refuted("another log", why, evidence);
  }
  const why = `Another key has signed it, and all ${seen.size} entries that this browser saw are still in it. ${keys} ` +
    "Compare the new key with what the registry's operator has published elsewhere; hosts refuse it as well.";
  return open(why, { label: "I have compared it: use the new key", act: () => keep(now) });
}
