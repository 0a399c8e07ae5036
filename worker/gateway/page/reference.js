// Shows openapi.json: paths with their answers, and the fields of every schema.
"use strict";

const make = (tag, text, ...children) => {
  const made = document.createElement(tag);
  if (text) made.textContent = text;
  made.append(...children);
  return made;
};

function type(schema) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.oneOf) return schema.oneOf.map(type).filter((it) => it !== "null").join(" or ");
  const name = [schema.type].flat().filter((it) => it && it !== "null").join(" or ");
  return schema.items ? `${name} of ${type(schema.items)}` : name;
}

function rows(heads, lines) {
  const cells = (tag, texts) => make("tr", "", ...texts.map((text) => make(tag, text)));
  return make("table", "", make("thead", "", cells("th", heads)), make("tbody", "", ...lines.map((it) => cells("td", it))));
}

function operation(path, method, it) {
  const answers = Object.entries(it.responses).map(([status, answer]) => {
    const content = Object.values(answer.content ?? {})[0];
    return [status, answer.description, type(content?.schema)];
  });
  const section = make("section", "", make("h2", `${method.toUpperCase()} ${path}`), make("p", it.summary), make("p", it.description));
  const sent = Object.values(it.requestBody?.content ?? {})[0];
  if (sent) section.append(make("p", `Body: ${type(sent.schema)}`));
  const parameters = (it.parameters ?? []).map((each) => [each.name, each.in, each.description]);
  if (parameters.length > 0) section.append(rows(["Parameter", "In", ""], parameters));
  section.append(rows(["Status", "", "Body"], answers));
  return section;
}

function schema(name, it) {
  const section = make("section", "", make("h2", name), make("p", it.description));
  const values = it.enum ?? (it.oneOf ?? []).flatMap((each) => each.enum ?? []);
  if (values.length > 0) section.append(make("p", values.join(", ")));
  const fields = Object.entries(it.properties ?? {}).map(([field, each]) => [field, type(each), each.description ?? ""]);
  if (fields.length > 0) section.append(rows(["Field", "Type", ""], fields));
  return section;
}

async function show() {
  const api = await (await fetch("/openapi.json")).json();
  const main = document.getElementById("reference");
  main.append(make("p", api.info.description));
  for (const [path, item] of Object.entries(api.paths)) {
    for (const [method, it] of Object.entries(item)) main.append(operation(path, method, it));
  }
  for (const [name, it] of Object.entries(api.components.schemas)) main.append(schema(name, it));
}

show().catch((error) => { document.getElementById("reference").textContent = String(error); });
