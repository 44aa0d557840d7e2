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

  /** The id of the running server; null where there is none, undefined where it does not say in time. */
  async function running() {
    try {
      const answer = await fetch('gradio_api/app_id', { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE) });
      return answer.ok ? (await answer.json()).app_id : null;
    } catch (error) {
      return error.name === 'TimeoutError' ? undefined : null;
    }
  }

  function lose() {
    const under = tokenscope.underWay();
    lost = true;
    document.body.classList.add('ts-lost');
    try {
      sessionStorage.setItem(KEPT, JSON.stringify(under && goingOn(under)));
    } catch { /* without a storage the page begins anew */ }
    tell('error', say('The server is gone. Your text is kept on this page, which waits for the server to come back.'));
  }

  // A play goes on with the tokens that it has not taken yet.
  function goingOn({ name, detail, answers }) {
    if (name === 'scan') return { name: '', detail: {} }; // its panel has a button for it
    if (name !== 'play') return { name, detail };
    const asked = detail.steps ?? Number(document.querySelector('#steps input')?.value);
    return { name, detail: { steps: Math.max(1, asked - answers) } };
  }

  function tell(kind, text, button = null) {
    window.dispatchEvent(new CustomEvent('tokenscope-tell', { detail: { kind, text, button } }));
  }

  async function watch() {
    if (lost || tokenscope.silentFor() > SILENT) {
      const id = await running();
      const other = id && window.gradio_config?.app_id && id !== window.gradio_config.app_id;
      if (!lost && (id === null || other)) lose();
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
    if (!kept.name || kept.name === 'open') tell('notice', words);
    else tell('notice', words, { title: say('Go on'), press: () => tokenscope.act(kept.name, kept.detail) });
  };

  setTimeout(watch, EVERY);
})();
