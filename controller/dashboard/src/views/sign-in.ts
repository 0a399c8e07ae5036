import type { VNode } from "preact";
import { send } from "../api.ts";
import type { Session } from "../contract.ts";
import { session } from "../store.ts";
import { useOrder } from "./ask.ts";
import { html, Section, type View } from "./html.ts";

/** The field for a token; where none helps, how one gets in. */
export function SignIn(): View {
  const who = session.value;
  const { isBusy, failure, give } = useOrder();
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const token = String(new FormData(event.currentTarget as HTMLFormElement).get("token")).trim();
    void give(async () => {
      // Traded for a cookie that scripts cannot read: nothing is kept here.
      session.value = await send<Session>("session", { token });
    });
  };
  const mayRead = who?.may_read === true;
  return html`<${Section} id="sign-in" title="Sign in" class="sign-in">
    <p>${mayRead ? "You may read. To order something, sign in as somebody who may." : "This controller shows itself to those it knows."}</p>
    ${who?.wants_token
      ? html`<form onSubmit=${submit}>
          <label class="field">
            <span>Token</span>
            <input name="token" type="password" required autocomplete="current-password" />
          </label>
          <p class="failure" role="alert">${failure}</p>
          <button class="button button-main" disabled=${isBusy}>Sign in</button>
        </form>`
      : html`<p class="note">
          ${who?.auth === "proxy"
            ? "The proxy in front of it says who you are; it named nobody who may."
            : "Orders are taken from the controller's own machine only, at its loopback address."}
        </p>`}
  <//>` as VNode;
}
