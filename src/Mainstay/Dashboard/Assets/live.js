// Keeps the page current: on each tick of the control loop the page is fetched again and its <main> swapped. A page with
// data-every is for the many: it holds no connection and asks every so many seconds, each reader at a moment of its own.
// Without this script everything still works; one only has to reload. A hidden tab fetches nothing until it is seen again.
(() => {
  "use strict";
  const atMostEvery = 1000;
  const bar = document.getElementById("live");
  const word = document.getElementById("live-word");
  const button = document.getElementById("live-button");
  let main = document.getElementById("main");
  const self = main.dataset.self;
  const every = Number(main.dataset.every || 0) * 1000;
  if (!window.EventSource || !self) return;

  let paused = false, connected = false, busy = false, wanted = false, pressed = false, held = false, last = 0, timer = 0;

  // An old page must never look like a fresh one; the time is the one it was made at, by the clock of its maker.
  const say = () => {
    const text = paused ? "paused, shown as of " + made()
      : !connected ? "connection lost, shown as of " + made()
      : held ? "waits while you type or select, shown as of " + made()
      : every ? "renews itself" : "live";
    bar.className = "live " + (paused || (connected && held) ? "is-paused" : connected ? "is-live" : "is-lost");
    if (word.textContent !== text) word.textContent = text;
  };
  const made = () => main.dataset.at.slice(11, 19) + " UTC";

  // What a person is doing in the page must survive the swap: typed text, a selection, a click half done, focus, scroll.
  const inHand = () => {
    const active = document.activeElement, chosen = getSelection();
    const typing = main.contains(active) && /^(INPUT|TEXTAREA|SELECT)$/.test(active.tagName);
    held = typing || (chosen && !chosen.isCollapsed && main.contains(chosen.anchorNode));
    return held || pressed;
  };
  // The focus goes to the same control or to none: what is new in the page must not move it onto another button.
  const controls = () => [...main.querySelectorAll("a,button,input,[tabindex]")];
  const nameOf = (e) => [e.tagName, e.getAttribute("href"), e.name, e.form?.action, e.getAttribute("aria-labelledby"), e.textContent].join("|");

  async function refresh() {
    timer = 0;
    if (paused || document.hidden || busy) return;
    if (inHand()) { say(); return; }
    busy = true; wanted = false; last = Date.now();
    const limit = new AbortController();
    const stop = setTimeout(() => limit.abort(), 5000);
    try {
      const answer = await fetch(self, { credentials: "same-origin", cache: "no-store", redirect: "error", signal: limit.signal });
      if (!answer.ok) throw new Error(answer.status);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const next = page.getElementById("main");
      if (next && !paused && !inHand()) {
        const focus = main.contains(document.activeElement) ? nameOf(document.activeElement) : null;
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
        if (focus !== null) controls().find((e) => nameOf(e) === focus)?.focus({ preventScroll: true });
      }
      if (every) connected = true;
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

  if (every) {
    connected = true;
    setInterval(schedule, every * (0.8 + 0.4 * Math.random()));
  } else {
    const events = new EventSource("/api/events");
    events.addEventListener("tick", () => { connected = true; say(); schedule(); });
    events.onopen = () => { connected = true; say(); };
    events.onerror = () => { connected = false; say(); };
  }
  addEventListener("pointerdown", () => { pressed = true; });
  for (const end of ["pointerup", "pointercancel", "blur"]) addEventListener(end, () => setTimeout(() => { pressed = false; }));
  document.addEventListener("visibilitychange", () => { if (!document.hidden && wanted) schedule(); });
  button.addEventListener("click", () => {
    paused = !paused;
    button.setAttribute("aria-pressed", String(paused));
    button.textContent = paused ? "Resume updates" : "Pause updates";
    say();
    if (!paused) schedule();
  });
  bar.hidden = false;
  if (every) say(); else word.textContent = "connecting";
})();
