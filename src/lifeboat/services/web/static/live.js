// Puts what is new into the page. Without it the page has a link to look again, and everything else works.
"use strict";

for (const place of document.querySelectorAll("[data-live]")) {
  const everyMs = 1000 * Number(place.dataset.every);
  let shown = null;

  const look = async () => {
    try {
      if (!document.hidden) {
        const answer = await fetch(place.dataset.live, { credentials: "same-origin", cache: "no-store" });
        if (answer.status === 401) {
          location.reload(); // signed out meanwhile
          return;
        }
        if (answer.ok) {
          put(await answer.text());
        }
        document.body.classList.toggle("cut-off", !answer.ok);
      }
    } catch {
      document.body.classList.add("cut-off");
    }
    setTimeout(look, everyMs);
  };

  const put = (text) => {
    const marked = getSelection();
    if (text === shown || (marked && !marked.isCollapsed && place.contains(marked.anchorNode))) {
      return; // nobody loses what he is about to copy
    }
    const focused = place.contains(document.activeElement) ? document.activeElement : null;
    const held = focused && (focused.id || focused.getAttribute("href"));
    place.innerHTML = text; // made by our own server, which escapes what it puts in
    shown = text;
    if (held) {
      const again = document.getElementById(held) || place.querySelector(`[href="${CSS.escape(held)}"]`);
      if (again) {
        again.focus({ preventScroll: true });
      }
    }
  };

  setTimeout(look, everyMs);
}
