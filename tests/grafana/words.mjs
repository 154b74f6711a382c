// Prints, as JSON, the units that Grafana knows, and the texts on stdin as it escapes them for a regular expression.
//
// usage: node words.mjs NODE_MODULES < ["text", …]
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const grafana = createRequire(path.join(process.argv[2], "x"))("@grafana/data");
globalThis.navigator ??= { languages: ["en"] }; // a page's, which tells how dates are written
const units = grafana.getValueFormats().flatMap((group) => group.submenu.map((unit) => unit.value));
const escaped = JSON.parse(readFileSync(0, "utf8")).map((text) => grafana.escapeRegex(text));
console.log(JSON.stringify({ units, escaped }));
