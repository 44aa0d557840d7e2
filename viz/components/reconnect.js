// When the server is gone: the page says so, waits, and loads itself anew once there is a server again. Its view lies in the
// browser, so nothing is lost; what was under way is offered in the message line as "Go on".
(() => {
  const { tokenscope } = window;
  const { say } = tokenscope;
  const KEPT = 'tokenscope-lost'; // what was under way, across the reload
  const EVERY = 500;
  const SILENT = 700; // milliseconds without an answer before the server is asked whether it lives; gradio itself waits two seconds
  const PATIENCE = 5_000; // milliseconds that a busy server may take to say so
  let lost = false;
  let failing = null; // what gradio said had failed, until it is known whether the server is gone

  /** The id of the running server; null where there is none, undefined where it does not say in time. */
  async function running() {
    try {
      const answer = await fetch('gradio_api/app_id', { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE) });
      return answer.ok ? (await answer.json()).app_id : null;
    } catch (error) {
      return error.name === 'TimeoutError' ? undefined : null;
    }
  }

  /** Notes what was under way. `here` says whether there is a server after all, another one. */
  function lose(under, here) {
    lost = true;
    document.body.classList.add('ts-lost');
    try {
      sessionStorage.setItem(KEPT, JSON.stringify(under && goingOn(under, here)));
    } catch { /* without a storage the page begins anew */ }
    tell('error', say('The server is gone. Your text is kept on this page, which waits for the server to come back.'));
  }

  // What was pressed when another server was there already is done `atOnce`; a play goes on with what it has not written yet.
  function goingOn({ name, detail, answers, behind }, here) {
    const atOnce = here && answers === 0 && name !== 'open';
    const left = { name, detail };
    if (name === 'play') {
      const asked = detail.steps ?? Number(document.querySelector('#steps input')?.value);
      left.detail = { steps: Math.max(1, asked - answers) };
    }
    const done = name === 'open' || (name === 'scan' && !atOnce); // opening is done anyway; a scan's panel has a button for it
    return { actions: done ? behind : [left, ...behind], atOnce };
  }

  function tell(kind, text, button = null) {
    window.dispatchEvent(new CustomEvent('tokenscope-tell', { detail: { kind, text, button } }));
  }

  async function watch() {
    if (lost || failing || tokenscope.silentFor() > SILENT) {
      const id = await running();
      const other = id && window.gradio_config?.app_id && id !== window.gradio_config.app_id;
      const under = failing ?? tokenscope.underWay(); // while the server was asked it may have failed, or been answered after all
      if (!lost && under && (id === null || other)) lose(under, Boolean(other));
      if (id !== undefined) failing = null;
      if (lost && id) {
        location.reload(); // the server may be another one now, which this page's events would not reach
        return; // a second time would begin the first anew
      }
    }
    setTimeout(watch, EVERY);
  }

  // After the reload, when the first answer has come.
  tokenscope.cameBack = function cameBack() {
    let kept = null;
    try {
      kept = JSON.parse(sessionStorage.getItem(KEPT));
      sessionStorage.removeItem(KEPT);
    } catch { /* as above */ }
    if (!kept) return;
    const words = say('The server was gone and is back. Your text is as it was.');
    const goOn = () => { for (const { name, detail } of kept.actions) tokenscope.act(name, detail, { patient: true }); };
    if (kept.atOnce) goOn();
    else if (!kept.actions.length) tell('notice', words);
    else tell('notice', words, { title: say('Go on'), press: goOn });
  };

  window.addEventListener('tokenscope-failed', ({ detail }) => { failing = detail; });
  setTimeout(watch, EVERY);
})();
