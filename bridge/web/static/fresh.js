// When something has changed, the page is asked for again and its parts marked data-fresh are exchanged. So there is
// one place that knows how things look (the server), and a part in which somebody works is left alone.
import { tellTimes } from "./times.js";

const PAUSE = 700; // milliseconds: many changes in a row are one
const TOPICS = ["call", "task", "case", "lead", "deal", "resync"];

export function keepFresh(document) {
  const main = document.querySelector("main[data-live]");
  if (!main || !document.querySelector("[data-fresh]") || !window.EventSource) return;
  const state = document.getElementById("live-state");
  const say = (text) => {
    if (state) state.textContent = text;
  };
  let stream = null;
  let behind = false; // something may have changed that this page does not show yet
  let waiting = null;
  let loading = false;

  function later() {
    behind = true;
    waiting ??= setTimeout(refresh, PAUSE);
  }

  async function refresh() {
    waiting = null;
    if (document.hidden) return;
    if (loading) {
      later();
      return;
    }
    loading = true;
    behind = false;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
      if (answer.ok && !answer.redirected) exchange(document, await answer.text());
    } catch {
      behind = true; // the stream comes back by itself, and then this is tried again
    } finally {
      loading = false;
    }
  }

  function listen() {
    stream = new EventSource(main.dataset.live);
    for (const topic of TOPICS) stream.addEventListener(topic, later);
    stream.addEventListener("open", () => {
      say("Live");
      if (behind) later();
    });
    stream.addEventListener("error", () => {
      behind = true;
      say("Not connected; trying again …");
    });
  }

  // A page that nobody sees listens to nothing: browsers allow few connections, and phones have small batteries.
  document.addEventListener("visibilitychange", () => {
    stream?.close();
    stream = null;
    if (document.hidden) return;
    behind = true;
    listen();
  });
  if (!document.hidden) listen();
}

function exchange(document, text) {
  const fresh = new DOMParser().parseFromString(text, "text/html");
  for (const part of document.querySelectorAll("[data-fresh]")) {
    const other = fresh.getElementById(part.id);
    if (!other || other.innerHTML === part.innerHTML || part.contains(document.activeElement)) continue;
    const open = [...part.querySelectorAll("details")].map((details) => details.open);
    const adopted = document.importNode(other, true);
    [...adopted.querySelectorAll("details")].forEach((details, place) => {
      details.open = open[place] ?? details.open;
    });
    part.replaceWith(adopted);
    tellTimes(adopted);
  }
}
