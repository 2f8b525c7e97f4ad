// @ts-check
/** Causes of crashes that this browser has muted: they are folded in the view of failures, and no badge counts them. */

const KEY = "trioactors muted";
/** The most that are kept; after that, the oldest is forgotten. */
const MOST = 100;

/** @type {Set<() => void>} */
export const listeners = new Set();
/** @type {string[]} */
let muted = read();

/** @returns {string[]} */
function read() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(found) ? found.filter((each) => typeof each === "string").slice(-MOST) : [];
  } catch {
    return []; // the browser keeps nothing, or something else has written there
  }
}

/** The causes that are muted, the oldest first. */
export function mutes() {
  return muted;
}

/** Mute a cause, or no longer. @param {string} cause @param {boolean} mute */
export function mute(cause, mute) {
  muted = [...muted.filter((each) => each !== cause), ...(mute ? [cause] : [])].slice(-MOST);
  try {
    localStorage.setItem(KEY, JSON.stringify(muted));
  } catch {
    // it holds as long as the page is open
  }
  for (const listener of listeners) listener();
}

window.addEventListener("storage", (event) => {
  if (event.key !== KEY) return;
  muted = read();
  for (const listener of listeners) listener();
});
