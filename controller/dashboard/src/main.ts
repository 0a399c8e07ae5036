import "./style/tokens.css";
import "./style/page.css";
import "./style/controls.css";
import "./style/shell.css";
import "./style/parts.css";
import "./style/timeline.css";
import "./style/tables.css";
import "./style/screens.css";
import { effect } from "@preact/signals";
import { render } from "preact";
import { STANDING_TEXT, standing } from "./judge.ts";
import { start } from "./live.ts";
import { screenName } from "./route.ts";
import { isStale, policy } from "./store.ts";
import { App } from "./views/app.ts";
import { html } from "./views/html.ts";

const root = document.getElementById("app");
if (root) render(html`<${App} />`, root);

effect(() => {
  const current = policy.value;
  const words = isStale.value ? "No news" : current && STANDING_TEXT[standing(current)];
  document.title = current ? `${words} · ${current.name} · ${screenName.value} · Spillway` : "Spillway";
});

start();
