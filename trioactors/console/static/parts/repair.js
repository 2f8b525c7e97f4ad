// @ts-check
/** Signs and buttons for an actor that is held or damaged: pause and resume, and the reset and restore of its stored record. */

import {live} from "/static/live.js";
import {ActionButton} from "/static/parts/actions.js";
import {html} from "/static/parts/dom.js";
import {foreign} from "/static/parts/foreign.js";
import {bytes, counted, number} from "/static/parts/format.js";
import {Ago} from "/static/parts/signs.js";
import {isolated} from "/static/parts/visible.js";

/** Since when an actor is paused. @param {{row: any}} props a row with `paused_since` */
export function Paused({row}) {
  if (typeof row.paused_since !== "number") return null;
  return html` <span class="chip warn" data-paused>paused for <${Ago} time=${row.paused_since} ago=${false} /></span>`;
}

/** That the stored state of an actor cannot be read, in a line. @param {{row: any}} props a row with `problem` */
export function Unreadable({row}) {
  return row.problem ? html` <small class="bad-text" title=${isolated(row.problem)}>its stored state cannot be read</small>` : null;
}

/** Why the stored state of an actor cannot be read, and the way out. @param {{value: any}} props a row with `problem` */
export function Damaged({value}) {
  if (!value.problem) return null;
  return html`<div class="banner bad" data-problem="Unreadable"><strong>This actor is down: its stored state cannot be read.</strong> ${foreign(value.problem)}
    <p class="buttons"><${ResetButton} row=${value} /></p></div>`;
}

/** @param {{value: any}} props an `ActorView` */
export function PauseButton({value}) {
  const {name, incarnation} = value;
  const options = {name, incarnation};
  if (typeof value.paused_since === "number")
    return html`<${ActionButton} what="resume" label=${`Resume ${isolated(name)}`} ask=${() => ({
      title: html`Resume ${foreign(name)}?`, verb: "Resume",
      text: html`${foreign(name)} takes messages again. ${counted(value.backlog, "message waits", "messages wait")} now.`,
      act: async () => html`${foreign(name)} ${(await live.act("resume", options)).was_paused ? "takes messages again" : "was not paused"}.`,
    })}>Resume<//>`;
  return html`<${ActionButton} what="pause" label=${`Pause ${isolated(name)}`} off=${value.status === "running" ? null : "Not running."} ask=${() => ({
    title: html`Pause ${foreign(name)}?`, verb: "Pause",
    text: html`${foreign(name)} finishes the message in progress, then takes no more. Up to ${number(value.mailbox_limit)} messages wait; calls keep their deadlines and may time out.
      The pause outlasts restarts and ends with Resume.`,
    act: async () => html`${foreign(name)} is paused${(await live.act("pause", options)).at_rest ? "" : "; the message in progress is not done yet"}.`,
  })}>Pause<//>`;
}

/** Start an actor afresh. @param {{row: any}} props a `DurableRow` or `ActorView` */
export function ResetButton({row}) {
  const {name} = row;
  const kept = row.durable ?? row;
  const record = typeof kept.size === "number" && !row.problem ? ` (revision ${number(kept.revision)}, ${bytes(kept.size)})` : "";
  return html`<${ActionButton} what="reset" danger label=${`Reset ${isolated(name)}`} ask=${() => ({
    title: html`Reset ${foreign(name)}?`, verb: "Reset", danger: true,
    text: html`${foreign(name)} will start with an empty state, as if it had never run: it loses what it knows. Its record${record} is not deleted: it moves to quarantine, as it is.
      Waiting messages are kept; the message in progress is finished first.`,
    act: async () => {
      const {copy, incarnation} = await live.act("reset", {name});
      return html`${foreign(name)} was reset${incarnation === null ? "" : `: incarnation ${incarnation}`}. Its record is in quarantine as ${foreign(copy)}.`;
    },
  })}>Reset<//>`;
}

/** Put a quarantined record back. @param {{row: any}} props a `QuarantineRow` */
export function RestoreButton({row}) {
  const {name, actor} = row;
  const off = row.restorable ? null : "Damaged, or no state of an actor: it cannot be restored as it is.";
  return html`<${ActionButton} what="restore" label=${`Restore ${isolated(name)}`} off=${off} ask=${() => ({
    title: html`Restore ${foreign(name)}?`, verb: "Restore", danger: true,
    text: html`${foreign(actor)} will start again with this record (${bytes(row.size)}), and loses what it has done since. What is stored for it now is not deleted: it moves to quarantine.
      If its class cannot read the record, nothing changes.`,
    act: async () => {
      const {replaced, incarnation} = await live.act("restore", {copy: name});
      return html`${foreign(actor)} ${incarnation === null ? "will start" : "was started"} with ${foreign(name)}${replaced && html`; the record that it replaced is in quarantine as ${foreign(replaced)}`}.`;
    },
  })}>Restore<//>`;
}
