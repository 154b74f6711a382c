import js from "@eslint/js";
import vue from "eslint-plugin-vue";
import { defineConfig } from "eslint/config";
import globals from "globals";
import ts from "typescript-eslint";

export default defineConfig(
  { ignores: ["src/server/openapi.ts"] }, // generated
  js.configs.recommended,
  ts.configs.recommended,
  vue.configs["flat/essential"],
  { files: ["**/*.vue"], languageOptions: { parserOptions: { parser: ts.parser } } },
  {
    languageOptions: { globals: globals.browser },
    rules: {
      complexity: ["error", 20], // it counts `?.` and `??` too
      eqeqeq: "error",
      "max-lines": ["error", 350], // with its template
      "no-var": "error",
      "prefer-const": "error",
      "vue/no-mutating-props": ["error", { shallowOnly: true }], // the selection is one object for the whole page
      "vue/multi-word-component-names": "off", // names are those of the files
    },
  },
  { files: ["*.js", "*.ts"], languageOptions: { globals: globals.node } },
);
