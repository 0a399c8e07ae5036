import "uplot/dist/uPlot.min.css";
import "./style/tokens.css";
import "./style/page.css";
import "./style/parts.css";
import { effect } from "@preact/signals";
import { render } from "preact";
import { STANDING_TEXT, standing } from "./judge.ts";
import { start } from "./live.ts";
import { isStale, policy } from "./store.ts";
import { App } from "./views/app.ts";
import { html } from "./views/html.ts";

const root = document.getElementById("app");
if (root) render(html`<${App} />`, root);

effect(() => {
  const current = policy.value;
  const words = isStale.value ? "No news" : current && STANDING_TEXT[standing(current)];
  document.title = current ? `${words} · ${current.name} · Spillway` : "Spillway";
});

start();
