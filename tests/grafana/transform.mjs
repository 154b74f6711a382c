// Reads, as JSON, what panels get from their queries; prints, of each, the columns that Grafana's own transformations make
// of it, by the names and in the order that a viewer sees, without those that its own matchers hide.
//
// usage: node transform.mjs NODE_MODULES < [{transformations, overrides, frames: [{refId, fields: [{name, type, values}]}]}]
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const load = createRequire(path.join(process.argv[2], "x"));
const grafana = load("@grafana/data");
const { firstValueFrom } = load("rxjs");
globalThis.window = {}; // where it looks for what only a page has; when it is loaded, there must be none

const transformers = new Map(Object.values(grafana.standardTransformers).map((one) => [one.id, one]));
grafana.standardTransformersRegistry.setInit(() =>
  Array.from(transformers.values(), (one) => ({ id: one.id, name: one.name, transformation: () => one })),
);

function isHidden(overrides, field, frame, all) {
  let hidden = false; // of several overrides the last one holds
  for (const { matcher, properties } of overrides) {
    const hideFrom = properties.find((one) => one.id === "custom.hideFrom");
    if (hideFrom && grafana.getFieldMatcher(matcher)(field, frame, all)) hidden = hideFrom.value.viz;
  }
  return hidden;
}

const answers = [];
for (const { transformations, overrides, frames } of JSON.parse(readFileSync(0, "utf8"))) {
  const made = frames.map((frame) => grafana.toDataFrame(frame));
  const all = await firstValueFrom(grafana.transformDataFrame(transformations, made));
  answers.push(
    all.map((frame) =>
      frame.fields
        .filter((field) => !isHidden(overrides, field, frame, all))
        .map((field) => [grafana.getFieldDisplayName(field, frame, all), Array.from(field.values)]),
    ),
  );
}
console.log(JSON.stringify(answers));
