// How a view tells the page around it what to show of its connection.
import { inject, type InjectionKey, provide } from "vue";
import type { RunHead } from "@/server/openapi";

/** What is shown of a connection: `store` of `connect` or `connectRuns`; of a run also how it is. */
export interface Connection {
  connected: boolean;
  heard: boolean;
  problems: string[];
  notes: string[];
  run?: RunHead | null;
}

type Report = (store: Connection) => void;

const REPORT: InjectionKey<Report> = Symbol("report");

/** Take what views below the component that calls it report. */
export const provideReport = (report: Report) => provide(REPORT, report);

/** What the page above wants to be told. */
export const useReport = () => inject(REPORT) as Report;
