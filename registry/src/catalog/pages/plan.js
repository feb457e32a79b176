// A plan that follows what is typed: asks the registry for the plan alone, which the page's form would ask for with the whole page.

const PAUSE_MS = 300;

const form = document.querySelector("form[data-plan]");
const place = document.querySelector("#plan");
const said = document.querySelector("[data-said]");
let waiting;
let asked;

// What is chosen, as the form itself would send it, without what was left empty.
function chosen() {
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value !== "") query.append(name, value);
  return query;
}

async function fetched(query, signal) {
  const asking = new URLSearchParams(query);
  asking.set("fragment", "plan");
  const answer = await fetch(`${location.pathname}?${asking}`, { signal });
  if (answer.ok) return new DOMParser().parseFromString(await answer.text(), "text/html").body.childNodes;
  const problem = await answer.json();
  return [problem.detail ?? problem.title];
}

// Without a choice the registry finds the first target that the plugin fits: the form says which.
function adopt() {
  const first = place.querySelector("[data-engine]");
  if (!first) return;
  form.elements.gpus.value = first.dataset.gpus;
  form.elements.engine.value = first.dataset.engine;
}

// The height that was kept free is given back where nothing moves that is seen, and where nothing fits that would fill it.
function settle() {
  const isBelow = place.lastElementChild?.getBoundingClientRect().bottom >= innerHeight;
  if (isBelow || place.querySelector("[data-unfit]")) delete place.dataset.fresh;
}

async function show(keep) {
  clearTimeout(waiting);
  asked?.abort();
  const own = new AbortController();
  asked = own;
  // What somebody has asked for may take another height than what the page has kept free.
  if (keep) delete place.dataset.fresh;
  const query = keep ? chosen() : new URLSearchParams();
  place.setAttribute("aria-busy", "true");
  try {
    const parts = await fetched(query, own.signal);
    if (own.signal.aborted) return;
    place.replaceChildren(...parts);
    if (keep) {
      history.replaceState(null, "", `${location.pathname}?${query}${location.hash}`);
    } else {
      adopt();
      settle();
    }
  } catch {
    if (own.signal.aborted) return;
    place.replaceChildren("The registry could not be asked for a plan. It is asked again when you change something.");
  }
  place.removeAttribute("aria-busy");
  said.textContent = (place.querySelector("[data-summary]") ?? place).textContent;
}

function begin() {
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => show(true), PAUSE_MS);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    show(true);
  });
  // What is preset is planned without being asked for, and is no choice that the address would keep.
  if ("fresh" in place.dataset) show(false);
}

if (form && place && said) begin();
