// Shows how a rollout goes while it goes: reads the page again until it says that it is done. Without this, its link does the same.

const EVERY_MS = 2000;

async function look() {
  const shown = document.getElementById("rollout");
  if (!shown || !shown.hasAttribute("data-under-way")) return;
  if (!document.hidden) {
    try {
      const answer = await fetch(location.href, { redirect: "error" });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const now = page.getElementById("rollout");
      if (!now) {
        location.reload();
        return;
      }
      if (now.innerHTML !== shown.innerHTML || !now.hasAttribute("data-under-way")) shown.replaceWith(now);
    } catch {
      // The host does not answer, or the session has ended: the link says which.
    }
  }
  setTimeout(look, EVERY_MS);
}

setTimeout(look, EVERY_MS);
