// Keeps the page current: on each tick of the control loop the page is fetched again and its <main> swapped. Without this
// script everything still works; one only has to reload. A hidden tab fetches nothing until it is seen again.
(() => {
  "use strict";
  const atMostEvery = 1000;
  const bar = document.getElementById("live");
  const word = document.getElementById("live-word");
  const button = document.getElementById("live-button");
  let main = document.getElementById("main");
  const self = main.dataset.self;
  if (!window.EventSource || !self) return;

  let paused = false, connected = false, busy = false, wanted = false, last = 0, timer = 0;
  let shownAt = new Date();

  const say = () => {
    const text = paused ? "paused, shown as of " + clock(shownAt)
      : connected ? "live" : "connection lost, shown as of " + clock(shownAt);
    bar.className = "live " + (paused ? "is-paused" : connected ? "is-live" : "is-lost");
    if (word.textContent !== text) word.textContent = text;
  };
  const clock = (date) => date.toISOString().slice(11, 19) + " UTC";

  // What a person is doing in the page must survive the swap: text, focus, open details, scroll.
  const busyTyping = () => main.contains(document.activeElement) && /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName);
  const place = (element) => {
    if (!element || !main.contains(element)) return null;
    const all = [...main.querySelectorAll("a,button,input,[tabindex]")];
    return all.indexOf(element);
  };

  async function refresh() {
    timer = 0;
    if (paused || document.hidden || busy || busyTyping()) return;
    busy = true; wanted = false; last = Date.now();
    const limit = new AbortController();
    const stop = setTimeout(() => limit.abort(), 5000);
    try {
      const answer = await fetch(self, { credentials: "same-origin", cache: "no-store", redirect: "error", signal: limit.signal });
      if (!answer.ok) throw new Error(answer.status);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const next = page.getElementById("main");
      if (next && !paused && !busyTyping()) {
        const focus = place(document.activeElement);
        const kept = [...main.querySelectorAll("[data-keep]")].map((e) => [e.dataset.keep, e.value]);
        const scrolled = [...main.querySelectorAll(".table-box")].map((e) => e.scrollLeft);
        main.replaceWith(next);
        main = next;
        document.title = page.title;
        for (const [key, value] of kept) {
          const field = [...main.querySelectorAll("[data-keep]")].find((e) => e.dataset.keep === key);
          if (field) field.value = value;
        }
        main.querySelectorAll(".table-box").forEach((e, i) => { if (scrolled[i]) e.scrollLeft = scrolled[i]; });
        if (focus !== null && focus >= 0) main.querySelectorAll("a,button,input,[tabindex]")[focus]?.focus({ preventScroll: true });
        shownAt = new Date();
      }
    } catch {
      connected = false;
    } finally {
      clearTimeout(stop);
      busy = false;
      say();
      if (wanted) schedule();
    }
  }

  function schedule() {
    wanted = true;
    if (paused || document.hidden || busy || timer) return;
    timer = setTimeout(refresh, Math.max(0, last + atMostEvery - Date.now()));
  }

  const events = new EventSource("/api/events");
  events.addEventListener("tick", () => { connected = true; say(); schedule(); });
  events.onopen = () => { connected = true; say(); };
  events.onerror = () => { connected = false; say(); };
  document.addEventListener("visibilitychange", () => { if (!document.hidden && wanted) schedule(); });
  button.addEventListener("click", () => {
    paused = !paused;
    button.setAttribute("aria-pressed", String(paused));
    button.textContent = paused ? "Resume updates" : "Pause updates";
    say();
    if (!paused) schedule();
  });
  bar.hidden = false;
  word.textContent = "connecting";
})();
