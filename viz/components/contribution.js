// The latest answer to "what did each token contribute?", shared by the tab that asks and the token strip.
window.tokenscope.contribution = (() => {
  let latest = null; // { ids, state, score, top, label, rival, position, method }
  const listeners = new Set();

  const same = (one, other) => one.every((value, index) => value === other[index]);

  return {
    /** Makes a result the one that the strip shades by. */
    publish(result) {
      latest = result;
      for (const listener of listeners) listener();
    },
    onChange(listener) {
      listeners.add(listener);
    },
    /** Whether a result is about the beginning of this text (and so about it), on the same model in the same state. */
    isAbout: (result, ids, state) => result.state === state && result.ids.length <= ids.length && same(result.ids, ids),
    latest: () => latest,
  };
})();
