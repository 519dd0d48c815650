// When something has changed, the page is asked for again and its parts marked data-fresh are exchanged. So there is
// one place that knows how things look (the server), and a part in which somebody works is left alone.
import { tellTimes } from "./times.js";

const PAUSE = 700; // milliseconds: many changes in a row are one

export function keepFresh(document) {
  const main = document.querySelector("main[data-live]");
  if (!main || !document.querySelector("[data-fresh]") || !window.EventSource) return;
  const state = document.getElementById("live-state");
  let waiting = null;
  let loading = false;
  let missed = false;

  async function refresh() {
    waiting = null;
    if (document.hidden || loading) {
      missed = true;
      return;
    }
    loading = true;
    missed = false;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
      if (answer.ok && !answer.redirected) exchange(document, await answer.text());
    } catch {
      missed = true; // the stream comes back by itself, and then asks again
    } finally {
      loading = false;
      if (missed && !document.hidden) later();
    }
  }

  function later() {
    waiting ??= setTimeout(refresh, PAUSE);
  }

  const stream = new EventSource(main.dataset.live);
  let lost = false;
  for (const topic of ["call", "task", "case", "lead", "deal", "resync"]) stream.addEventListener(topic, later);
  stream.addEventListener("open", () => {
    if (state) state.textContent = "Live";
    if (lost) later();
    lost = false;
  });
  stream.addEventListener("error", () => {
    lost = true;
    if (state) state.textContent = "Not connected; trying again …";
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && missed) later();
  });
}

function exchange(document, text) {
  const fresh = new DOMParser().parseFromString(text, "text/html");
  for (const part of document.querySelectorAll("[data-fresh]")) {
    const other = fresh.getElementById(part.id);
    if (!other || other.innerHTML === part.innerHTML) continue;
    if (part.contains(document.activeElement)) continue;
    const open = [...part.querySelectorAll("details")].map((details) => details.open);
    const adopted = document.importNode(other, true);
    [...adopted.querySelectorAll("details")].forEach((details, place) => {
      details.open = open[place] ?? details.open;
    });
    part.replaceWith(adopted);
    tellTimes(adopted);
  }
}
