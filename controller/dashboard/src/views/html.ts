// Small pieces that every view uses.

import { html } from "htm/preact";
import type { ComponentChildren, VNode } from "preact";
import { told } from "../api.ts";
import type { Reason } from "../contract.ts";
import { UNKNOWN } from "../format.ts";
import { agedText, type Resource, stir } from "../resource.ts";

export { html };

export type View = VNode | VNode[] | null;

/** A value, dimmed when it is unknown: never a zero. */
export function Value({ text }: { text: string }): View {
  return html`<span class=${text === UNKNOWN ? "unknown" : ""}>${text}</span>` as VNode;
}

/** A word in a box; `kind` gives the colour, the word the meaning. */
export function Chip({ kind = "", children }: { kind?: string; children?: ComponentChildren }): View {
  return html`<span class=${`chip chip-${kind}`}>${children}</span>` as VNode;
}

/** Reasons as a list: code for machines, sentence for people, trouble marked by more than colour. */
export function Reasons({ reasons }: { reasons: readonly Reason[] }): View {
  if (reasons.length === 0) return null;
  return html`<ul class="reasons">
    ${reasons.map(
      (reason) => html`<li class=${reason.trouble ? "reason trouble" : "reason"}>
        <span class="glyph" aria-hidden="true">${reason.trouble ? "!" : "·"}</span>
        <span>
          ${reason.trouble && html`<span class="sr">Trouble: </span>`}${reason.text}${" "}
          <code>${reason.code}</code>
        </span>
      </li>`,
    )}
  </ul>` as VNode;
}

/** A mark in the colour and pattern of its series, the same wherever the series appears. */
export function Swatch({ of }: { of: string }): View {
  return html`<span class=${`swatch swatch-${of}`} aria-hidden="true"></span>` as VNode;
}

type SectionProps = {
  id: string;
  title: string;
  note?: ComponentChildren;
  tools?: ComponentChildren;
  class?: string;
  children?: ComponentChildren;
};

/** A titled part of the page. */
export function Section({ id, title, note, tools, class: more = "", children }: SectionProps): View {
  return html`<section class=${`card ${more}`} id=${id} aria-labelledby=${`${id}-title`}>
    <div class="card-head">
      <h2 id=${`${id}-title`}>${title}</h2>
      ${note !== undefined && html`<p class="note">${note}</p>`}
      ${tools}
    </div>
    ${children}
  </section>` as VNode;
}

/** Nothing to show, and why. */
export function Empty({ children }: { children?: ComponentChildren }): View {
  return html`<p class="empty">${children}</p>` as VNode;
}

/** What a request gave: being read, refused, old or there. */
export function Loaded<T>({ of, children }: { of: Resource<T>; children: (value: T) => View }): View {
  if (of.value !== null) {
    const aged = agedText(of);
    return html`${aged && html`<p class="aged" role="status">${aged}</p>`}${children(of.value)}` as VNode;
  }
  return (
    of.error === null
      ? html`<p class="empty loading">Reading …</p>`
      : html`<div class="empty" role="alert">
          <p>This could not be read: ${told(of.error)}.</p>
          <button type="button" class="button" onClick=${stir}>Try again</button>
        </div>`
  ) as VNode;
}

export type Fact = readonly [name: string, value: ComponentChildren, note?: ComponentChildren];

/** Names and values in columns. */
export function Facts({ of, class: more = "" }: { of: readonly Fact[]; class?: string }): View {
  return html`<dl class=${`facts ${more}`}>
    ${of.map(
      ([name, value, note]) => html`<div key=${name}>
        <dt>${name}</dt>
        <dd>${typeof value === "string" ? html`<${Value} text=${value} />` : value}</dd>
        ${note !== undefined && html`<dd class="fact-note">${note}</dd>`}
      </div>`,
    )}
  </dl>` as VNode;
}

/** A share of a whole as a thin bar; the text beside it says the same. */
export function Meter({ share, of = "" }: { share: number | null; of?: string }): View {
  const width = `${Math.min(1, share ?? 0) * 100}%`;
  const kind = share === null ? "meter-unknown" : share >= 1 ? "meter-full" : share >= 0.8 ? "meter-near" : "";
  return html`<span class=${`meter ${kind} ${of}`} aria-hidden="true"><span style=${{ width }}></span></span>` as VNode;
}

/** Buttons of which one is pressed. */
export function Segments<T>(props: {
  label: string;
  of: readonly (readonly [T, ComponentChildren])[];
  value: T;
  choose: (value: T) => void;
}): View {
  return html`<div class="segments" role="group" aria-label=${props.label}>
    ${props.of.map(
      ([value, name]) => html`<button type="button" aria-pressed=${props.value === value} onClick=${() => props.choose(value)}>${name}</button>`,
    )}
  </div>` as VNode;
}
