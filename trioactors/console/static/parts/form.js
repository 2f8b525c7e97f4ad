// @ts-check
/**
 * A form for the arguments of a message, made from the parameters that `signatures` answers. The console checks the arguments: this page
 * builds JSON text from what was typed, without converting it, and shows each problem at its field.
 */

import {html, useState} from "/static/parts/dom.js";
import {foreign} from "/static/parts/foreign.js";
import {isolated} from "/static/parts/visible.js";

/** @typedef {Record<string, string>} Draft what was typed, by path */

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

/** The fields of an object, or null if the shape has no fields of its own on the page. @param {any} shape */
function fieldsOf(shape) {
  const inner = shape.kind === "optional" ? shape.of : shape;
  return inner.kind === "object" ? inner.fields : null;
}

/** Whether a value of this shape is typed as it is, not as JSON. @param {any} shape */
function simple(shape) {
  return ["int", "float", "str", "text", "ref", "bool", "choice"].includes(shape.kind);
}

/** The JSON text of a field; undefined if it is left out. @param {any} field @param {string} path @param {Draft} draft @returns {string|undefined} */
function written(field, path, draft) {
  const {shape, required} = field;
  const fields = fieldsOf(shape);
  if (fields) {
    const text = object(fields, `${path}.`, draft);
    return text === "{}" && !(required && shape.kind === "object") ? (required ? "null" : undefined) : text;
  }
  const typed = draft[path] ?? "";
  const inner = shape.kind === "optional" ? shape.of : shape;
  if (typed === "" && (!required || shape.kind === "optional")) return required ? "null" : undefined;
  if (!simple(inner)) return typed === "" ? undefined : typed;
  if (inner.kind === "bool" || inner.kind === "choice") return typed === "" ? undefined : typed;
  if (inner.kind === "int" || inner.kind === "float") return typed === "" ? undefined : NUMBER.test(typed.trim()) ? typed.trim() : JSON.stringify(typed);
  return JSON.stringify(typed);
}

/** @param {any[]} fields @param {string} before @param {Draft} draft */
function object(fields, before, draft) {
  const parts = fields.map((field) => [field.name, written(field, before + field.name, draft)]).filter(([, text]) => text !== undefined);
  return `{${parts.map(([name, text]) => `${JSON.stringify(name)}: ${text}`).join(", ")}}`;
}

/** The draft of given values. @param {any[]} fields @param {any} values @param {string} [before] @param {Draft} [draft] @returns {Draft} */
export function drafted(fields, values, before = "", draft = {}) {
  for (const {name, shape} of fields) {
    const value = values?.[name];
    const inner = shape.kind === "optional" ? shape.of : shape;
    if (value === undefined || value === null) continue;
    if (fieldsOf(shape)) drafted(fieldsOf(shape), value, `${before}${name}.`, draft);
    else draft[before + name] = typeof value === "string" && simple(inner) && inner.kind !== "choice" ? value : JSON.stringify(value);
  }
  return draft;
}

/** What a field expects, in a few words. @param {any} shape @returns {string} */
function said(shape) {
  if (shape.kind === "optional") return `${said(shape.of)} or nothing`;
  if (shape.kind === "list") return `list of ${said(shape.of)}`;
  if (shape.kind === "dict") return `object of ${said(shape.of)}`;
  if (shape.kind === "tuple") return `[${shape.items.map(said).join(", ")}]`;
  if (shape.kind === "union") return shape.members.map((each) => each.name).join(" or ");
  if (shape.kind === "ref") return `name of a ${shape.class}`;
  return shape.format ?? shape.class ?? (shape.kind === "json" ? "JSON" : shape.kind);
}

function Field({field, path, form}) {
  const {shape, required, secret} = field;
  const fields = fieldsOf(shape);
  const problems = form.problems.filter((each) => each.path === path || (!fields && (each.path.startsWith(`${path}.`) || each.path.startsWith(`${path}[`))));
  const id = `${form.id}-${path}`;
  const told = problems.length > 0 && html`<small id=${`${id}-told`} class="bad-text" data-problem=${path}>${problems.map((each, index) => html`${index > 0 && "; "}${each.path !== path && html`${foreign(each.path)}: `}${foreign(each.text)}`)}</small>`;
  if (fields) return html`<fieldset data-field=${path}><legend>${foreign(field.name)} <small class="muted">${foreign(said(shape))}${required ? "" : ", optional"}</small></legend>
    ${fields.map((each) => html`<${Field} key=${each.name} field=${each} path=${`${path}.${each.name}`} form=${form} />`)}${told}</fieldset>`;
  const inner = shape.kind === "optional" ? shape.of : shape;
  const shared = {id, value: form.draft[path] ?? "", "data-field": path, "aria-invalid": problems.length > 0, "aria-required": required,
    "aria-describedby": problems.length > 0 ? `${id}-told` : null, onInput: (event) => form.type(path, event.target.value)};
  const choices = inner.kind === "bool" ? [true, false] : inner.kind === "choice" ? inner.choices : null;
  const usual = field.default_text ? `default ${isolated(field.default_text)}` : shape.kind === "optional" && required ? "nothing" : required ? "" : "default";
  return html`<label class="field" for=${id}><span>${foreign(field.name)} <small class="muted">${foreign(field.type ?? said(shape))}${required ? "" : ", optional"}</small></span>
    ${choices ? html`<select ...${shared}><option value="">${usual || "choose"}</option>${choices.map((each) => html`<option key=${String(each)} value=${JSON.stringify(each)}
        selected=${form.draft[path] === JSON.stringify(each)}>${isolated(each)}</option>`)}</select>`
      : simple(inner) ? html`<input ...${shared} type=${secret ? "password" : "text"} autocomplete="off" spellcheck=${false} inputmode=${inner.kind === "int" ? "numeric" : null} placeholder=${secret && !required ? "unchanged, or default" : inner.example ? isolated(inner.example) : usual} />`
      : html`<textarea ...${shared} rows="3" spellcheck=${false} placeholder=${`JSON: ${isolated(said(inner))}${usual && `; ${usual}`}`}></textarea>`}
    ${told}</label>`;
}

/**
 * The form. `onReview` gets the arguments as JSON text, and rejects with the problems of the console.
 * @param {{id: string, parameters: any[], begin?: Draft, raw?: string, verbs: string[], off: string|null, onReview: (text: string, verb: string) => Promise<void>}} props
 */
export function Form({id, parameters, begin = {}, raw: first = "{}", verbs, off, onReview}) {
  const [draft, change] = useState(begin);
  const [raw, turn] = useState(/** @type {string|null} */ (null));
  const [problems, tell] = useState(/** @type {any[]} */ ([]));
  const form = {id, draft, problems, type: (path, text) => change((known) => ({...known, [path]: text}))};
  const review = async (verb) => {
    tell([]);
    try {
      await onReview(raw ?? object(parameters, "", draft), verb);
    } catch (problem) {
      tell(problem.problems ?? [{path: "", text: problem.text ?? String(problem)}]);
    }
  };
  const known = new Set(parameters.map((each) => each.name));
  const others = problems.filter((each) => raw !== null || !known.has(each.path.split(/[.[]/, 1)[0]));
  return html`<form class="arguments" data-form=${id} onSubmit=${(event) => { event.preventDefault(); review(verbs[0]); }}>
    ${raw === null ? parameters.map((field) => html`<${Field} key=${field.name} field=${field} path=${field.name} form=${form} />`)
      : html`<label class="field">All arguments, as a JSON object<textarea data-raw rows="6" spellcheck=${false} value=${raw} onInput=${(event) => turn(event.target.value)}></textarea></label>`}
    ${raw === null && parameters.length === 0 && html`<p class="muted">No parameters.</p>`}
    <div role="alert">${others.map((each) => html`<p key=${each.path} class="bad-text" data-problem=${each.path}>${each.path && html`${foreign(each.path)}: `}${foreign(each.text)}</p>`)}</div>
    <div class="buttons">${verbs.map((verb, index) => html`<button key=${verb} type=${index === 0 ? "submit" : "button"} class=${index === 0 ? "primary" : null} disabled=${off !== null} title=${off}
        onClick=${index === 0 ? null : () => review(verb)}>${verb}…</button>`)}
      ${(parameters.length > 0 || raw !== null) && html`<button type="button" class="plain" aria-pressed=${raw !== null} onClick=${() => { turn(raw === null ? (Object.keys(draft).length > 0 ? object(parameters, "", draft) : first) : null); tell([]); }}>As JSON</button>`}</div>
  </form>`;
}
