// How the front end is built: `make web`. The page serves what comes out from /assets, and its document names the files.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import vue from "@vitejs/plugin-vue";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";
import { devDocument, pageProxy } from "./dev_server.ts";
import { panelTypes } from "./panel_types.ts";

const PAGE = process.env.MONTY_MQTT_PAGE ?? "http://127.0.0.1:8000";

const CHUNKS = [
  { name: "echarts", test: /node_modules\/(echarts|zrender|tslib)\// },
  { name: "three", test: /node_modules\/three\// },
]; // so that a change of the page's own code changes no large file

/** Vite collects the licences of modules; the font is a file. */
function fontLicence(): Plugin {
  const source = readFileSync("node_modules/@fontsource-variable/roboto/LICENSE", "utf8");
  return {
    name: "font-licence",
    apply: "build",
    generateBundle() {
      this.emitFile({ type: "asset", fileName: "licence_of_roboto.txt", source });
    },
  };
}

export default defineConfig({
  base: "/assets/",
  resolve: {
    alias: { "@": fileURLToPath(new URL("src", import.meta.url)) },
  },
  build: {
    outDir: "../monty_mqtt_liveview/static",
    emptyOutDir: true,
    assetsDir: "",
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1000, // ECharts and three.js are libraries of that size
    license: { fileName: "licences.md" },
    manifest: "manifest.json",
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    sourcemap: false,
    target: "es2022",
    rolldownOptions: {
      input: { start: "src/shell/start.ts", panel_frame: "src/own/panel_frame.ts" },
      output: { codeSplitting: { groups: CHUNKS } },
    },
  },
  // As HTML has it, and Prettier writes it: a space between two words stays one where the line is broken there.
  plugins: [
    vue({ template: { compilerOptions: { whitespace: "preserve" } } }),
    fontLicence(),
    panelTypes(),
    devDocument(PAGE),
  ],
  test: { include: ["tests/**/*.test.ts"] },
  server: { host: "127.0.0.1", proxy: pageProxy(PAGE) },
});
