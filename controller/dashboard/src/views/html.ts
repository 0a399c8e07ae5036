// Small pieces that every view uses.

import { html } from "htm/preact";
import type { ComponentChildren, VNode } from "preact";
import type { Reason } from "../contract.ts";
import { UNKNOWN } from "../format.ts";

export { html };

export type View = VNode | VNode[] | null;

/** A value, dimmed when it is unknown: never a zero. */
export function Value({ text }: { text: string }): View {
  return text === UNKNOWN ? html`<span class="unknown">${text}</span>` as VNode : (html`<span>${text}</span>` as VNode);
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

type SectionProps = { id: string; title: string; note?: ComponentChildren; tools?: ComponentChildren; children?: ComponentChildren };

/** A titled part of the page. */
export function Section({ id, title, note, tools, children }: SectionProps): View {
  return html`<section class="card" id=${id} aria-labelledby=${`${id}-title`}>
    <div class="card-head">
      <h2 id=${`${id}-title`}>${title}</h2>
      ${note !== undefined && html`<p class="note">${note}</p>`}
      ${tools}
    </div>
    ${children}
  </section>` as VNode;
}
