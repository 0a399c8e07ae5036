import type { VNode } from "preact";
import type { Policy } from "../contract.ts";
import { clock, instant } from "../format.ts";
import { html, Reasons, type View } from "./html.ts";

/** The last decision's sentence, and why. Of a fixed height: what is below must not move. */
export function Now({ policy }: { policy: Policy }): View {
  const last = policy.last_decision;
  return html`<section class="card now" aria-labelledby="now-title">
    <div class="card-head">
      <h2 id="now-title">Last decision</h2>
      ${last && html`<p class="note"><a href=${`#/decisions/${last.id}`}>#${last.id}</a> at ${clock(instant(last.at))}</p>`}
    </div>
    <div class="now-body" tabindex="0" role="group" aria-label="Last decision and its reasons">
      <p class="sentence">${policy.sentence || "Nothing has been decided yet."}</p>
      ${policy.hold &&
      html`<p class="hold"><span class="chip chip-hold">Hold</span> ${policy.hold.text} <code>${policy.hold.code}</code></p>`}
      <${Reasons} reasons=${policy.reasons.filter((reason) => reason.code !== policy.hold?.code)} />
    </div>
  </section>` as VNode;
}
