// Pictures of charts, to be saved.
import { type EChartsType, init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";

const PIXELS_PER_POINT = 2;

use([SVGRenderer]);

/** What a chart shows now, on a ground of this colour. */
export async function pngOf(chart: EChartsType, ground: string): Promise<Blob> {
  const canvas = chart.renderToCanvas({ pixelRatio: PIXELS_PER_POINT, backgroundColor: ground });
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the browser made no picture"))), "image/png"),
  );
}

/** The chart of an option, drawn anew. */
export function svgOf(option: object, look: object, { width, height }: { width: number; height: number }): Blob {
  const chart = init(null, look, { renderer: "svg", ssr: true, width, height });
  chart.setOption({ animation: false, ...option });
  const text = chart.renderToSVGString();
  chart.dispose();
  return new Blob([text], { type: "image/svg+xml" });
}
