// Follows the logs of a deployment: asks for the page that is shown, again and again, and puts what is newer in the place of what was.
// Nothing is asked while nobody looks.

const EVERY_MS = 2000;
const NEAR_THE_END_PX = 40;
const place = document.getElementById("logs");
const status = document.getElementById("following");
let timer;

function say(text) {
  if (status.textContent !== text) status.textContent = text;
}

const boxes = (within) => [...within.querySelectorAll(".log")];
const of = (box) => box.getAttribute("aria-label");
const isAtEnd = (box) => box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_THE_END_PX;
const toEnd = (box) => { box.scrollTop = box.scrollHeight; };

// Puts in what was written meanwhile. A box that was at its end stays there, and one that somebody reads stays where it is.
function show(newer) {
  const [were, are] = [boxes(place), boxes(newer)];
  const isSame = were.length === are.length && were.every((box, at) => of(box) === of(are[at]));
  if (!isSame) {
    place.replaceChildren(...newer.childNodes);
    boxes(place).forEach(toEnd);
    return;
  }
  were.forEach((box, at) => {
    if (box.textContent === are[at].textContent) return;
    const follows = isAtEnd(box);
    box.textContent = are[at].textContent;
    if (follows) toEnd(box);
  });
}

async function look() {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const newer = page.getElementById("logs");
  if (answer.ok && !answer.redirected && newer) {
    show(newer);
    return true;
  }
  say(answer.redirected ? "Your session has ended: load the page again to sign in." : `The host answers ${answer.status}: load the page again.`);
  return false;
}

async function follow() {
  let goesOn = true;
  try {
    goesOn = await look();
    if (goesOn) say("Followed: what is written appears here.");
  } catch {
    say("The host cannot be reached; it is asked again.");
  }
  if (goesOn && !document.hidden) timer = setTimeout(follow, EVERY_MS);
}

document.addEventListener("visibilitychange", () => {
  clearTimeout(timer);
  if (!document.hidden) follow();
});
boxes(place).forEach(toEnd);
timer = setTimeout(follow, EVERY_MS);
