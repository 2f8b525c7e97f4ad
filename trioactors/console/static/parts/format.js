// @ts-check
/** Numbers and times as text. */

const whole = new Intl.NumberFormat("en", {maximumFractionDigits: 0});
const short = new Intl.NumberFormat("en", {notation: "compact", maximumFractionDigits: 1});
const clock = new Intl.DateTimeFormat("en-GB", {hour: "2-digit", minute: "2-digit", second: "2-digit"});
const day = new Intl.DateTimeFormat("en-GB", {day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit"});

/** The placeholder for a missing value. */
export const NOTHING = "\u2013";

/** @param {any} value */
export function number(value) {
  return typeof value === "number" ? whole.format(value) : NOTHING;
}

/** A number in compact form: 12.3K. @param {any} value */
export function compact(value) {
  if (typeof value !== "number") return NOTHING;
  return Math.abs(value) < 10_000 ? (Number.isInteger(value) || Math.abs(value) >= 100 ? whole.format(value) : value.toPrecision(2)) : short.format(value);
}

/** A duration in seconds as text. @param {any} seconds */
export function duration(seconds) {
  if (typeof seconds !== "number") return NOTHING;
  const value = Math.max(0, seconds);
  if (value === 0) return "0 s";
  if (value < 0.001) return `${Math.round(value * 1e6)} \u00b5s`;
  if (value < 1) return `${trimmed(value * 1000)} ms`;
  if (value < 60) return `${trimmed(value)} s`;
  if (value < 3600) return `${Math.floor(value / 60)} min ${Math.floor(value % 60)} s`;
  if (value < 86_400) return `${Math.floor(value / 3600)} h ${Math.floor((value % 3600) / 60)} min`;
  return `${Math.floor(value / 86_400)} d ${Math.floor((value % 86_400) / 3600)} h`;
}

/** @param {number} value */
function trimmed(value) {
  return value < 10 ? String(Number(value.toFixed(1))) : String(Math.round(value));
}

/** @param {any} value */
export function bytes(value) {
  if (typeof value !== "number") return NOTHING;
  if (value < 1000) return `${value} B`;
  return value < 1e6 ? `${trimmed(value / 1000)} kB` : `${trimmed(value / 1e6)} MB`;
}

/** A moment on the wall clock of the system, in the user's time zone. @param {number} wall seconds since 1970
 *  @param {boolean} [fine] with milliseconds */
export function moment(wall, fine = false) {
  const date = new Date(wall * 1000);
  const text = clock.format(date);
  return fine ? `${text}.${String(date.getMilliseconds()).padStart(3, "0")}` : text;
}

/** A moment with its date. @param {number} wall */
export function dated(wall) {
  return day.format(new Date(wall * 1000));
}

/** @param {number} count @param {string} one @param {string} [many] */
export function counted(count, one, many = `${one}s`) {
  return `${number(count)} ${count === 1 ? one : many}`;
}
