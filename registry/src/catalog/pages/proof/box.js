// The box in which a visitor's own browser proves a release: a line for each check, and one verdict for all of them.

import * as checks from "./checks.js";
import { Finding, open, proved, refuted } from "./finding.js";
import { openLog } from "./log.js";
import { continued } from "./seen.js";
import { isSupported } from "./signature.js";

const LOOKS = { checking: "plain", proved: "good", noted: "plain", open: "warning", refuted: "bad" };
const WORDS = { checking: "checking", proved: "proved", noted: "noted", open: "not decided", refuted: "refuted" };

const box = document.querySelector("[data-proof]");

function element(name, content, className = "") {
  const made = document.createElement(name);
  made.append(...content);
  made.className = className;
  return made;
}

// What the page says of the release, whose proof is asked for.
function shown() {
  const { name, repository, component, artifact, key, logged, keyLogged } = box.dataset;
  return { name, repository, component, artifact, key, logged: Number(logged), keyLogged: Number(keyLogged) };
}

// Shows how far a check has come: in words, with a colour beside them.
function show(check, { state, name, why, evidence = [], remedy }) {
  const line = box.querySelector(`[data-check="${check}"]`);
  const parts = [element("span", [WORDS[state]], `badge ${LOOKS[state]}`)];
  if (name) parts.push(" ", element("strong", [name]));
  if (why) parts.push(element("p", [why], "note"));
  if (evidence.length > 0) parts.push(shownToOthers(evidence));
  if (remedy) parts.push(button(remedy));
  line.dataset.state = state;
  line.querySelector("[data-finding]").replaceChildren(...parts);
}

function shownToOthers(evidence) {
  const texts = evidence.map((text) => element("pre", [text], "command"));
  return element("details", [element("summary", ["What shows it to others"]), ...texts]);
}

function button({ label, act }) {
  const made = element("button", [label], "quiet");
  made.type = "button";
  made.addEventListener("click", () => {
    act();
    verify();
  });
  return made;
}

async function found(check, finding) {
  show(check, { state: "checking" });
  const ended = await finding.catch((error) => (error instanceof Finding ? error : unreadable(error)));
  show(check, ended);
  return ended;
}

const unreadable = (error) => open(`What the registry answered cannot be read: ${error.message}.`);

// Each check, on its own: what one refutes says nothing about the others. Those that need the log wait for it.
function all(release) {
  const log = openLog();
  const withLog = (check) => log.then(check, () => { throw open("It needs the log's checkpoint."); });
  return Promise.all([
    found("component", checks.component(release)),
    found("signature", checks.signature(release)),
    found("checkpoint", log.then(({ checkpoint }) => proved(`The log's key ${checkpoint.key} has signed it: ${checkpoint.size} entries.`))),
    found("witnesses", withLog(checks.witnesses)),
    found("history", withLog(continued)),
    found("logged", withLog((log) => checks.logged(release, log))),
    found("key", withLog((log) => checks.key(release, log))),
  ]);
}

function verdict(findings) {
  const of = (state) => findings.filter((finding) => finding.state === state);
  const [bad, undecided] = [of("refuted"), of("open")];
  if (bad.length > 0) {
    const names = [...new Set(bad.map((finding) => finding.name))].join(", ");
    return ["bad", `Refuted: ${names}. Do not install it, and tell the registry's operator.`];
  }
  if (undecided.length > 0) {
    return ["warning", `Nothing is refuted, and ${undecided.length} of ${findings.length} checks could not be decided here.`];
  }
  return ["good", "Proved: this browser has checked all of it, from the component's bytes to the log."];
}

function say(look, text) {
  const said = box.querySelector("[data-verdict]");
  said.className = look ? `banner ${look}` : "note";
  said.textContent = text;
}

async function verify() {
  const start = box.querySelector("[data-verify]");
  if (!(await isSupported())) {
    start.disabled = true;
    const why = isSecureContext ? "This browser cannot check Ed25519 signatures" : "Browsers check signatures only on pages reached by HTTPS";
    say("warning", `${why}. The commands below do the same.`);
    return;
  }
  start.setAttribute("aria-busy", "true");
  box.querySelector("[data-checks]").hidden = false;
  say("", "Checking.");
  say(...verdict(await all(shown())));
  start.removeAttribute("aria-busy");
}

if (box) {
  box.querySelector("[data-verify]").addEventListener("click", verify);
  box.querySelector("[data-verify]").disabled = false;
}
