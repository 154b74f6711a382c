// Prints, as one JSON object, a JSON Schema of Grafana's own published types: of the dashboard, and of the options and
// field settings of each kind of panel.
//
// usage: node schemas.mjs NODE_MODULES KIND...
import { createRequire } from "node:module";
import path from "node:path";

const [modules, ...kinds] = process.argv.slice(2);
const { createGenerator } = createRequire(path.join(modules, "x"))("ts-json-schema-generator");
const types = "@grafana/schema/dist/types/raw";
const oldTypes = "dist/esm/raw/dashboard/x/dashboard_types.gen.d.ts";

function schema(file, type) {
  const settings = { path: path.join(modules, file), type, skipTypeCheck: true, additionalProperties: false };
  try {
    return createGenerator(settings).createSchema(type);
  } catch (error) {
    if (type === "FieldConfig" && error.constructor.name.includes("RootNodeError")) return null; // this kind has none
    throw error;
  }
}

const found = {
  dashboard: {
    11: schema(`grafana-schema-11/${oldTypes}`, "Dashboard"),
    12: schema(`grafana-schema-12/${oldTypes}`, "Dashboard"),
    13: schema(`${types}/dashboard/x/types.gen.d.ts`, "Dashboard"),
  },
  options: {},
  custom: {},
};
for (const kind of kinds) {
  const file = `${types}/composable/${kind.replace("-", "")}/panelcfg/x/types.gen.d.ts`;
  found.options[kind] = schema(file, "Options");
  found.custom[kind] = schema(file, "FieldConfig");
}
console.log(JSON.stringify(found));
