// @ts-check
/**
 * The page of a link; it works without this script as well.
 *
 * A browser sends its cookie only to a page that was not opened from another site, such as a chat. So the page of a used link asks itself
 * whether the browser is signed in, and goes to the console if it is.
 */
document.querySelector("form")?.addEventListener("submit", () => document.querySelector("button")?.toggleAttribute("disabled", true));

if (document.querySelector("[data-used]") !== null) {
  const answer = await fetch("/session", {cache: "no-store"});
  if (answer.ok && (await answer.json()).role !== null) location.replace("/");
}
