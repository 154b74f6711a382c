// Why a learning module has no evidence to show: each kind of run has its own reason. Pure.
import type { Info, LearningModuleInfo } from "@/server/openapi";

/** What this module reads of a run. */
type ModuleInfo = Omit<LearningModuleInfo, "class_name">;
type RunInfo = Pick<Info, "experiment_class"> & { learning_modules?: ModuleInfo[] };

const isEvidence = (module: ModuleInfo) => "object_evidence_threshold" in (module.thresholds ?? {});

/** The reason in one or two sentences, as far as `info` tells; `module`: of that learning module alone. */
export function whyNoEvidence(info: RunInfo | null | undefined, module: string | null = null): string {
  const modules = (info?.learning_modules ?? []).filter((one) => module === null || one.learning_module === module);
  if (/Pretraining[^.]*$/.test(info?.experiment_class ?? ""))
    return "In supervised pretraining learning modules are told the object, and learn it.";
  if (!modules.length) return "";
  if (!modules.some(isEvidence)) return "Learning modules of this kind give none.";
  const isNew = modules.every((one) => !one.objects?.length);
  return isNew ? "They knew no object when the run began: evidence comes with the first that they have learned." : "";
}
