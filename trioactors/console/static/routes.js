// @ts-check
/** The current route. The address contains every choice in a view, so that it can be shared, and that back and forward work. */

/** @typedef {{view: string, name: string|null, query: Record<string, string>}} Route */

/** @returns {Route} */
export function route() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?", 2);
  const [view = "", name = null] = path.split("/", 2).map(decoded);
  return {view: view || "overview", name: name || null, query: Object.fromEntries(new URLSearchParams(query))};
}

/** A typed address may not be validly encoded. @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The address of a view. Empty values mean the default and are left out.
 * @param {string} view @param {string|null} [name] @param {Record<string, any>} [query] */
export function address(view, name = null, query = {}) {
  const chosen = Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined && value !== false);
  const search = new URLSearchParams(chosen.map(([key, value]) => [key, String(value)])).toString();
  const path = view === "overview" ? "" : view + (name === null ? "" : `/${encodeURIComponent(name)}`);
  return `#/${path}${search && `?${search}`}`;
}

/** Change choices in this view. Use *replace* for typed text, which would fill the history letter by letter.
 * @param {Record<string, any>} change @param {{replace?: boolean, name?: string|null}} [how] */
export function choose(change, {replace = false, name} = {}) {
  const now = route();
  const next = address(now.view, name === undefined ? now.name : name, {...now.query, ...change});
  if (next === location.hash) return;
  if (replace) {
    history.replaceState(null, "", next);
    window.dispatchEvent(new HashChangeEvent("hashchange"));
  } else location.hash = next;
}
