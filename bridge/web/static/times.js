// "3 min ago" becomes "4 min ago" while the page stands.

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86400;

function about(seconds) {
  if (seconds < HOUR) return `${Math.round(seconds / MINUTE)} min`;
  if (seconds < DAY) return `${Math.round(seconds / HOUR)} h`;
  const days = Math.round(seconds / DAY);
  return days === 1 ? "1 day" : `${days} days`;
}

export function said(instant, now) {
  const away = (instant - now) / 1000;
  if (Math.abs(away) < MINUTE) return away <= 0 ? "just now" : "in a moment";
  return away < 0 ? `${about(-away)} ago` : `in ${about(away)}`;
}

export function tellTimes(root) {
  const now = Date.now();
  for (const time of root.querySelectorAll("time[data-ago]")) {
    const text = said(Date.parse(time.dateTime), now);
    if (time.textContent !== text) time.textContent = text;
  }
}

export function keepTimes(root) {
  setInterval(() => tellTimes(root), 15000);
}
