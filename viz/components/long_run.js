// What panels with a long question share: a button that asks it, one that cancels it, a meter, a line for its errors.
(() => {
  const { tokenscope } = window;

  /**
   * Wires the buttons of a long question in `root`: `start`, which asks what `question` returns, and where there are such a
   * .ts-cancel and a .ts-meter. An error of the answer is told in `wrong`, beside them.
   */
  tokenscope.longRun = function longRun(root, { start, question, wrong = null }) {
    const act = wrong ? tokenscope.beside(wrong) : tokenscope.act;
    const whileRunning = root.querySelectorAll('.ts-cancel, .ts-meter');

    start.addEventListener('click', () => act('scan', question()));
    root.querySelector('.ts-cancel')?.addEventListener('click', () => tokenscope.stop());
    new MutationObserver(() => {
      const running = document.body.classList.contains('ts-scanning');
      for (const one of whileRunning) one.hidden = !running;
      start.disabled = running;
    }).observe(document.body, { attributes: true, attributeFilter: ['class'] });
  };
})();
