// Asks for the reason of an order, and gives it. Every order needs one; whoever reads it later is glad of it.

import { signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import type { VNode } from "preact";
import { told } from "../api.ts";
import { stir } from "../resource.ts";
import { askSession } from "../store.ts";
import { html, type View } from "./html.ts";

type Question = {
  title: string;
  text: string;
  button: string;
  /** Gives the order. */
  run: (reason: string) => Promise<unknown>;
};

const question = signal<Question | null>(null);

export function ask(next: Question): void {
  question.value = next;
}

const REASON_MAX = 500;

export function Reason(): View {
  return html`<label class="field">
    <span>Reason <em>kept with the order</em></span>
    <input name="reason" required maxlength=${REASON_MAX} autocomplete="off" />
  </label>` as VNode;
}

/** A form's order: what is pressed once is sent once, and what came of it is said where it was pressed. */
export function useOrder(): { isBusy: boolean; failure: string; give: (run: () => Promise<unknown>) => Promise<boolean> } {
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState("");
  const give = async (run: () => Promise<unknown>) => {
    setBusy(true);
    setFailure("");
    try {
      await run();
      stir();
      return true;
    } catch (error) {
      askSession(error);
      setFailure(told(error));
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { isBusy, failure, give };
}

export function Ask(): View {
  const dialog = useRef<HTMLDialogElement>(null);
  const { isBusy, failure, give } = useOrder();
  const current = question.value;
  useEffect(() => {
    if (current) dialog.current?.showModal();
    else dialog.current?.close();
  }, [current]);
  const close = () => {
    question.value = null;
  };
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const reason = String(new FormData(event.currentTarget as HTMLFormElement).get("reason")).trim();
    if (current && (await give(() => current.run(reason)))) close();
  };
  return html`<dialog ref=${dialog} aria-labelledby="ask-title" onClose=${close}>
    ${current &&
    html`<form onSubmit=${submit}>
      <h2 id="ask-title">${current.title}</h2>
      <p>${current.text}</p>
      <${Reason} />
      <p class="failure" role="alert">${failure}</p>
      <div class="buttons">
        <button type="button" class="button" onClick=${close}>Leave it</button>
        <button class="button button-main" disabled=${isBusy}>${current.button}</button>
      </div>
    </form>`}
  </dialog>` as VNode;
}
