// Drawing only what is in sight, at most once per frame: what is asked for out of sight is drawn when it comes into it,
// or onto paper.

/** Call `draw` in the frame after `ask()`, or at once with `askNow()`, while the element can be seen. `close()` ends it. */
export function whileSeen(element: Element, draw: () => void) {
  let isSeen = false;
  let isDue = false;
  let frame = 0;

  function later() {
    if (isSeen && isDue) frame ||= requestAnimationFrame(now);
  }

  function now() {
    if (frame) cancelAnimationFrame(frame);
    frame = 0;
    isDue = false;
    draw();
  }

  const observer = new IntersectionObserver(
    (entries) => {
      isSeen = entries.at(-1)?.isIntersecting ?? false;
      later();
    },
    { rootMargin: "100px" },
  );
  observer.observe(element);

  function print() {
    if (isDue) now();
  }
  addEventListener("beforeprint", print);
  return {
    ask() {
      isDue = true;
      later();
    },
    /** For who is called in a frame already: another one later would be a later picture. */
    askNow() {
      isDue = true;
      if (isSeen) now();
    },
    isSeen: () => isSeen,
    close() {
      cancelAnimationFrame(frame);
      removeEventListener("beforeprint", print);
      observer.disconnect();
    },
  };
}
