import { describe, expect, test } from "vitest";
import { AREAS, arrangementOf, defaultArrangement, moved, panelsIn, textOf } from "@/layout/panels";

describe("the arrangement of a run's page as text", () => {
  test("what was not changed is no text", () => {
    expect(textOf(defaultArrangement())).toBe("");
    expect(arrangementOf(null)).toEqual(defaultArrangement());
    expect(arrangementOf("")).toEqual(defaultArrangement());
  });

  test("order and hidden parts come back as they were", () => {
    const arrangement = { order: moved(defaultArrangement(), "space", -1), hidden: ["tabs" as const] };
    expect(textOf(arrangement)).toBe("timeline.beliefs.space.frames.closer.details.episodes.~tabs");
    expect(arrangementOf(textOf(arrangement))).toEqual(arrangement);
  });

  test.each(["<script>.nothing", "~", "....", "constructor.toString.~__proto__"])(
    "%j hides and moves nothing",
    (text) => {
      expect(arrangementOf(text)).toEqual(defaultArrangement());
    },
  );

  test("a part that the text does not name, or names twice, is there once", () => {
    const { order, hidden } = arrangementOf("space.space.~frames");
    expect(order.filter((panel) => panel === "space")).toEqual(["space"]);
    expect(order.toSorted()).toEqual(defaultArrangement().order.toSorted());
    expect(hidden).toEqual(["frames"]);
  });
});

describe("moving a part", () => {
  test("changes places with its neighbour in its area", () => {
    const order = moved(defaultArrangement(), "episodes", -1);
    expect(panelsIn({ order, hidden: [] }, "below")).toEqual(["episodes", "details", "tabs"]);
    expect(panelsIn({ order, hidden: [] }, "right")).toEqual([...AREAS.right]);
  });

  test("ends at the area's ends", () => {
    expect(moved(defaultArrangement(), "frames", -1)).toEqual(defaultArrangement().order);
    expect(moved(defaultArrangement(), "closer", 1)).toEqual(defaultArrangement().order);
  });
});
