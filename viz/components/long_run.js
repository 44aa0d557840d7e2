// What panels with a long question share: a button that asks it, one that cancels it, a meter, a line for its errors.
// Also `make`, which nearly every panel builds its rows with.
(() => {
  const { tokenscope } = window;

  /** A new element of a class, inside its parent if there is one yet, with a text if one is given. */
  tokenscope.make = function make(name, className, parent, text) {
    const node = document.createElement(name);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    parent?.append(node);
    return node;
  };

  /**
   * Wires the buttons of a long question in `root`: .ts-cancel, .ts-meter, and `start`, which calls `ask`. An error of the answer is
   * told in `wrong`, beside them. Returns { answered }, to be called when the answer has come.
   */
  tokenscope.longRun = function longRun(root, { start, ask, wrong = null }) {
    let asked = false;
    const cancel = root.querySelector('.ts-cancel');
    const meter = root.querySelector('.ts-meter');

    start.addEventListener('click', () => {
      asked = true;
      if (wrong) wrong.hidden = true;
      ask();
    });
    cancel.addEventListener('click', () => tokenscope.stop());
    window.addEventListener('tokenscope-error', ({ detail }) => {
      if (!wrong || !asked || detail.kind === 'progress') return;
      asked = false;
      wrong.hidden = detail.kind !== 'error';
      wrong.textContent = wrong.hidden ? '' : detail.words;
    });
    new MutationObserver(() => {
      const running = document.body.classList.contains('ts-scanning');
      cancel.hidden = meter.hidden = !running;
      start.disabled = running;
    }).observe(document.body, { attributes: true, attributeFilter: ['class'] });
    return { answered() { asked = false; } };
  };
})();
