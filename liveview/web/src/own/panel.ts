// A panel of one's own, and what the page gives it. Types only; published as /assets/panel.d.ts with all that they name.
import type {
  EpisodeRow,
  MediumHead,
  MetricCourse,
  MetricHeads,
  Moment,
  RunAnswer,
  StepColumns,
  StreamHead,
  StreamHistory,
} from "@/server/openapi";

/** Where a panel stands: above the charts, at their left or right, or below the first screen. */
export type Where = "above" | "left" | "right" | "below";

/** What a file in `panels/` exports by default. */
export interface Panel {
  /** Stands in its head and in the menu of panels. */
  title: string;
  where: Where;
  /** Fill `element`, and return what ends it, if anything must be ended. */
  mount(element: HTMLElement, run: Run): void | Unmount | Promise<void | Unmount>;
}

export type Unmount = () => void;

/** The step that the page shows. */
export interface Selected {
  /** Its row in the worker's table of steps. */
  row: number;
  /** `train` or `eval`; null until it is known, as the numbers that follow. */
  mode: string | null;
  episode: number | null;
  step: number | null;
  /** Whether the page follows the newest step. */
  isNewest: boolean;
}

/** The page's colours as CSS writes them, dark or light; in style sheets they are `var(--text)` and so on. */
export interface Colours {
  isDark: boolean;
  text: string;
  faint: string;
  line: string;
  surface: string;
  background: string;
  accent: string;
  bad: string;
  warn: string;
  good: string;
}

/** What may be new: another step is selected, steps, episodes, metrics or data have come, the page is dark now. */
export type Change = "selected" | "steps" | "episodes" | "metrics" | "data" | "colours";

/** Which steps: rows from `first` to `last`, and of many about `points` of them (1000), with the extreme values. */
export interface StepRange {
  first?: number;
  last?: number;
  points?: number;
}

/** The run that the page shows, and its worker. Times are milliseconds since 1970, absent values null. */
export interface Run {
  /** Id of the run. */
  readonly name: string;
  /** Name of the worker whose steps are shown; empty: the whole run, which has no steps. */
  readonly worker: string;
  /** The selected step; null before there is one. */
  readonly selected: Selected | null;
  /** How many steps there are. */
  readonly rows: number;
  readonly colours: Colours;
  /** Call `listener` after each such change; returns what ends it. */
  on(change: Change, listener: () => void): () => void;
  /** Let the whole page show the step of this row. */
  select(row: number): void;

  /** The run, its workers, and what it was started with (`info`). */
  info(): Promise<RunAnswer>;
  /** Steps, column by column. */
  steps(range?: StepRange): Promise<StepColumns>;
  /** Everything that was reported about one step; without a row, about the newest. */
  moment(row?: number): Promise<Moment>;
  episodes(): Promise<EpisodeRow[]>;
  /** The latest value of every metric whose name has `search` in it. */
  metrics(search?: string): Promise<MetricHeads>;
  /** The course of a metric. */
  metric(name: string): Promise<MetricCourse>;
  /** The latest value of every data stream. */
  data(): Promise<StreamHead[]>;
  /** What a data stream said, newest last. */
  stream(name: string, count?: number): Promise<StreamHistory>;
  /** What a sensor saw at a row, or newest: JPEG in colour (`rgba`), PNG of `depth`. */
  image(sensor: string, modality?: "rgba" | "depth", row?: number): Promise<Blob>;
  /** What the run's code published to look at. */
  media(): Promise<MediumHead[]>;
  /** One of them, the newest unless `place` says which: PNG or JPEG, PLY, or JSON. */
  medium(kind: "image" | "points" | "histogram" | "table", name: string, place?: number): Promise<Blob>;
}
