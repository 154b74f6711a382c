// Mermaid from this site (tools/docs_site.py copies it): the theme takes one that is there, and fetches one else.
import mermaid from "./mermaid/mermaid.esm.min.mjs";

// What the theme colours in older versions by names that this one has no more.
const COLOURS = `
  marker[id$="head"] path, marker[id$="crosshead"] path {
    fill: var(--md-mermaid-edge-color) !important; stroke: var(--md-mermaid-edge-color) !important;
  }
  .actor-line { stroke: var(--md-mermaid-edge-color) !important; }
`;

window.mermaid = {
  ...mermaid,
  initialize: (options) => mermaid.initialize({ ...options, themeCSS: options.themeCSS + COLOURS }),
};
