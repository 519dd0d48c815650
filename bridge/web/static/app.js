// The page is complete without this file. With it, times stay true and what changes appears by itself.
import { keepFresh } from "./fresh.js";
import { keepTimes } from "./times.js";

keepTimes(document);
keepFresh(document);

for (const form of document.querySelectorAll("form.filters[method=get]")) {
  form.addEventListener("change", (event) => {
    if (event.target instanceof HTMLSelectElement) form.requestSubmit();
  });
}
