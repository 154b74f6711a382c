import { expect, test } from "vitest";
import cases from "./object_names.json";
import { meaningOf, nameOf } from "@/look/object_names";

test.each(cases)("the browser names $graph as the server does: $name", ({ graph, targets, is_new, name }) => {
  expect(nameOf(graph, { [graph]: targets }, is_new)).toBe(name);
});

test("graphs of two modules mean the same where they were learned from the same", () => {
  expect([
    meaningOf("new_object0", { new_object0: ["mug"] }),
    meaningOf("mug", undefined),
    meaningOf("new_object0", {}),
    meaningOf("no_observations_yet", {}),
    meaningOf("new_object0", {}, true),
    meaningOf(null, {}),
  ]).toEqual(["mug", "mug", "new_object0", null, "a new object", null]);
});

test("a graph is named by what it was learned from too", () => {
  expect(nameOf("new_object0", { new_object0: ["mug", "cup"] })).toBe("new_object0 = mug + cup");
  expect(nameOf("mug", {})).toBe("mug");
  expect(nameOf("new_object1", {}, true)).toBe("a new object");
  expect(nameOf(null, {})).toBeNull();
});

test.each(["__proto__", "constructor", "toString"])("a graph may be called %s", (id) => {
  expect(nameOf(id, {})).toBe(id);
  expect(nameOf(id, JSON.parse(`{"${id}": ["mug"]}`))).toBe(`${id} = mug`);
});

test("Monty's words for no object stand for none", () => {
  expect(nameOf("patch_off_object", {})).toBe("its patch is off the object");
  expect(meaningOf("no_observations_yet", {})).toBeNull();
  expect(meaningOf("new_object0", { new_object0: ["mug"] })).toBe("mug");
});
