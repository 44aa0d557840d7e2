// What a control asks is answered beside it.
(() => {
  const { tokenscope } = window;

  /**
   * Returns act(name, detail), which does an action as `tokenscope.act` does; what its answer says is told in `line`. An `error` goes
   * with the next answer of any kind, a `notice` (which leaves errors to the message line) with the next to what is asked here.
   */
  tokenscope.beside = function beside(line, kind = 'error') {
    let sent = null;

    function tell(words) {
      line.hidden = kind === 'error' && !words; // a notice has its room kept
      line.textContent = words;
    }

    window.addEventListener('tokenscope-error', ({ detail }) => {
      if (detail.kind === 'progress') return;
      if (sent !== null && tokenscope.asked() === sent) tell(detail.kind === kind && !detail.quiet ? detail.words : '');
      else if (kind === 'error') tell('');
    });
    return (name, detail) => {
      sent = detail;
      if (kind === 'error') tell('');
      tokenscope.act(name, detail);
    };
  };
})();
