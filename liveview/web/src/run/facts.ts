// What is known of a run beside its numbers: how it was configured, limited, started, and on what. Pure.
import { count, dateTime, duration, text, yesNo } from "@/look/format";
import type { Info, RunHead, WorkerHead } from "@/server/openapi";

type Fact = [label: string, value: string, under?: string | null, title?: string | null];
interface Group {
  title: string;
  facts: Fact[];
}

const DASH = text(null);
const limit = (info: Info, name: string) => count(info.limits?.[name]);

function basename(path: string | null | undefined): string {
  return path ? (path.split(/[/\\]/).filter(Boolean).pop() ?? "") : DASH;
}

function listed<Module>(modules: Module[] | undefined, idOf: (module: Module) => string) {
  const ids = (modules ?? []).map(idOf);
  return ids.length ? { value: count(ids.length), under: ids.join(", ") } : { value: DASH };
}

function stepsIn(mode: string, workers: WorkerHead[]): number {
  return workers.reduce((sum, worker) => sum + (worker.modes?.[mode]?.steps ?? 0), 0);
}

/** Groups of [label, value, under, title], for the whole run: `workers` are the heads it is made of. */
export function factsOf(info: Info | null, run: RunHead | null, workers: WorkerHead[]): Group[] {
  if (!info) return [];
  const learning = listed(info.learning_modules, (module) => module.learning_module);
  const sensors = listed(info.sensor_modules, (module) => module.sensor_module);
  const newest = workers.reduce<WorkerHead | null>(
    (one, other) => ((other.newest_unix_millis ?? 0) > (one?.newest_unix_millis ?? 0) ? other : one),
    null,
  );
  return [
    {
      title: "Experiment",
      facts: [
        ["Experiment", text(info.experiment)],
        ["Config", text(info.run_name), info.experiment_class],
        ["Environment", text(info.environment)],
        ["Mode", text(run?.mode)],
        ["Training", yesNo(info.do_train)],
        ["Evaluation", yesNo(info.do_eval)],
        ["Seed", text(info.seed)],
        ["Show sensor output", yesNo(info.show_sensor_output)],
      ],
    },
    {
      title: "Model",
      facts: [
        ["Model", basename(info.model_path), null, info.model_path],
        ["Learning modules", learning.value, learning.under],
        ["Sensor modules", sensors.value, sensors.under],
        ["Min LMs match", limit(info, "min_lms_match")],
        ["Output", basename(info.output_dir), null, info.output_dir],
      ],
    },
    {
      title: "Limits",
      facts: [
        ["Max train steps", limit(info, "max_train_steps")],
        ["Max eval steps", limit(info, "max_eval_steps")],
        ["Max total steps", limit(info, "max_total_steps")],
        ["Train epochs", count(info.n_train_epochs)],
        ["Eval epochs", count(info.n_eval_epochs)],
      ],
    },
    {
      title: "So far",
      facts: [
        ["Train steps", count(stepsIn("train", workers))],
        ["Eval steps", count(stepsIn("eval", workers))],
        ["Train episodes", count(run?.modes?.train?.episodes_done ?? 0)],
        ["Eval episodes", count(run?.modes?.eval?.episodes_done ?? 0)],
        [
          "Current epoch",
          newest && newest.epoch !== null && newest.epoch !== undefined ? count(newest.epoch + 1) : DASH,
        ],
        ["Elapsed", duration(run?.elapsed_secs)],
        ["Started", dateTime(run?.started_unix_millis)],
        ["Last update", dateTime(run?.newest_unix_millis)],
      ],
    },
    {
      title: "Machine",
      facts: [
        ["Host", text(info.host), info.pid ? `process ${info.pid}` : null],
        ["Git commit", text(info.git_commit?.slice(0, 12)), null, info.git_commit],
        ...Object.entries(info.versions ?? {}).map(([name, version]): Fact => [name, text(version)]),
      ],
    },
  ];
}
