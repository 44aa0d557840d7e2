// What panels with a long question share: a button that asks it, one that cancels it, a meter, a line for its errors.
(() => {
  const { tokenscope } = window;

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
