// What workers' processes and their hosts use -> hosts, fields and words. Pure.
import { bytes, count, short } from "@/look/format";
import type { Colours } from "@/look/theme";
import type { MachineHead, UseCourse } from "@/server/openapi";
import { metricOption } from "@/metrics/metric_option";

type Maybe = number | null | undefined;

interface Field {
  name: keyof MachineHead;
  label: string;
  words: (value: Maybe) => string;
  isBytes?: boolean;
}

const percentWords = (value: Maybe) => (value === null || value === undefined ? short(value) : `${short(value)} %`);

/** What is shown of a worker's process, in the order of the table's columns. */
export const OF_PROCESS: Field[] = [
  { name: "cpu_percent", label: "Processor", words: percentWords },
  { name: "memory_bytes", label: "Memory", words: bytes, isBytes: true },
  { name: "threads", label: "Threads", words: (value) => short(value, 6) },
  { name: "gpu_memory_bytes", label: "GPU memory", words: bytes, isBytes: true },
];

/** What is shown of a host over time. */
export const OF_HOST: Field[] = [
  { name: "load", label: "Load of the host", words: short },
  { name: "gpu_percent", label: "GPUs of the host", words: percentWords },
  { name: "disk_free_bytes", label: "Free disk", words: bytes, isBytes: true },
];

/** Fields that any of the reports tells. */
export function toldIn(heads: MachineHead[], fields: Field[]): Field[] {
  return fields.filter(({ name }) => heads.some((head) => head[name] !== null));
}

/** The newest report of each host, by its workers; who does not say on which host they are count as one. */
export function newestOfHosts(heads: MachineHead[]): MachineHead[] {
  const newest = new Map<string | null, MachineHead>();
  for (const head of heads) {
    const known = newest.get(head.host);
    if (!known || (head.time_unix_millis ?? 0) > (known.time_unix_millis ?? 0)) newest.set(head.host, head);
  }
  return [...newest.values()];
}

/** The share of a whole, 0 to 1; null where it is not known. */
export function shareOf(part: Maybe, whole: Maybe): number | null {
  if (part === null || part === undefined || !whole || whole < 0) return null;
  return Math.max(0, Math.min(1, part / whole));
}

export interface Gauge {
  label: string;
  words: string;
  share: number | null;
}

/** What a host has, as bars: how busy it is and how full its disk. */
export function gaugesOf(head: MachineHead): Gauge[] {
  const { load, cpus, gpu_percent: gpu, disk_free_bytes: free, disk_total_bytes: total } = head;
  const ofCpus = cpus === null ? "" : ` of ${count(cpus)} ${cpus === 1 ? "processor" : "processors"}`;
  const used = free === null || total === null ? null : total - free;
  return [
    load === null ? null : { label: "load", words: `load ${short(load)}${ofCpus}`, share: shareOf(load, cpus) },
    gpu === null ? null : { label: "GPUs", words: `GPUs ${percentWords(gpu)} busy`, share: shareOf(gpu, 100) },
    free === null
      ? null
      : {
          label: "disk",
          words: `disk: ${bytes(free)} free${total === null ? "" : ` of ${bytes(total)}`}`,
          share: shareOf(used, total),
        },
  ].filter((gauge) => gauge !== null);
}

const LEFT = 66; // pixels: as wide as `123 MiB`

/** The unit of bytes in which the ticks of an axis up to `most` are round numbers: KiB, MiB, … */
function unitOf(most: number): number {
  return most < 1 ? 1 : 1024 ** Math.min(4, Math.floor(Math.log2(most) / 10));
}

/** The option of a field's chart; [from, to] in milliseconds, the same for all of them. */
export function useOption(
  { label, words, isBytes = false }: Field,
  course: UseCourse,
  span: [number, number],
  colours: Colours,
) {
  const unit = isBytes ? unitOf(Math.max(...course.values)) : 1;
  const drawn = { ...course, values: course.values.map((value) => value / unit), axes: {}, not_finite: [] };
  const valueWords = (value: number) => words(value * unit);
  const look = { isLog: false, smoothing: 0, axis: "time" as const, origin: 0, words: valueWords };
  const option = metricOption([{ name: label, course: drawn, colour: colours.accent as string }], span, look, colours);
  return { ...option, grid: { ...option.grid, left: LEFT } };
}

/** The first and the last time of all fields. */
export function spanOf(courses: Record<string, UseCourse>): [number, number] {
  const times = Object.values(courses).map((course) => course.times_unix_millis);
  const firsts = times.flatMap((one) => one.slice(0, 1));
  const lasts = times.flatMap((one) => one.slice(-1));
  return [Math.min(...firsts), Math.max(...lasts, Math.min(...firsts) + 1)];
}
