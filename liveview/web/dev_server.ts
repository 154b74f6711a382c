// `make web-dev`: a running page's documents and answers, with the front end from its sources instead of the built one.
import type { Plugin, ProxyOptions } from "vite";

const BUILT = /^ *<(?:link rel="(?:stylesheet|modulepreload)"|script)[^>]*>(?:<\/script>)?\n/gm;
const SOURCES = `
    <script type="module" src="/assets/@vite/client"></script>
    <script type="module" src="/assets/src/shell/start.ts"></script>
  </body>`;

/** Answers and live connections come from the page, which takes only requests of its own documents. */
export function pageProxy(page: string): Record<string, ProxyOptions> {
  const own = { target: page, changeOrigin: true, headers: { origin: page } };
  return { "^/(api|healthz|login|page.css|panel_frame|run/[^/]+/latest)": own, "^/live": { ...own, ws: true } };
}

/** The page's own document, whose tags lead to the sources. */
export function devDocument(page: string): Plugin {
  return {
    name: "page-document",
    configureServer(server) {
      server.middlewares.use(async (request, response, next) => {
        const isOther = /^\/(assets\/|panel_frame)/.test(request.url ?? "");
        const isVisit = request.headers.accept?.includes("text/html") && !isOther;
        if (!isVisit) return next();
        try {
          const answer = await fetch(page + request.url, { headers: { accept: "text/html" } });
          const document = (await answer.text()).replace(BUILT, "").replace("\n  </body>", SOURCES);
          response.writeHead(answer.status, {
            "content-type": "text/html; charset=utf-8",
            "cache-control": "no-store",
          });
          response.end(document);
        } catch {
          response.writeHead(502, { "content-type": "text/plain" });
          response.end(`no page at ${page}: start one, or name it with MONTY_MQTT_PAGE\n`);
        }
      });
    },
  };
}
