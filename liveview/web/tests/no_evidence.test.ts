import { expect, test } from "vitest";
import { whyNoEvidence } from "@/evidence/no_evidence";

const module = (more: object) => ({ learning_module: "LM_0", ...more });

test.each([
  [{ experiment_class: "MontySupervisedObjectPretrainingExperiment" }, /are told the object/],
  [{ learning_modules: [module({ thresholds: {} })] }, /of this kind give none/],
  [{ learning_modules: [module({ thresholds: { object_evidence_threshold: 1 }, objects: [] })] }, /knew no object/],
  [{ learning_modules: [module({ thresholds: { object_evidence_threshold: 1 }, objects: ["mug"] })] }, /^$/],
  [null, /^$/],
])("each kind of run has its reason: %j", (info, words) => {
  expect(whyNoEvidence(info)).toMatch(words);
});
