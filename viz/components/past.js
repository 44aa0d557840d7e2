// What outlives a reload and what the browser's Back and Forward go to: the views that this tab has shown. The browser
// keeps them: the present one in the session storage, each earlier one in the state of its entry in the history.
(() => {
  const { tokenscope } = window;
  const SAVED = 'tokenscope-view';
  const OPENED = 'tokenscope-link'; // the link that was opened last
  const PARAMETER = 'view';
  const GRADIO = ['api', 'settings', 'api-recorder']; // what gradio itself means by the same parameter
  const MOST_STATE = 500_000; // characters of an entry; a larger view is kept in the session storage alone
  let place = null; // what the present entry shows: the text and the tab
  let begun = null; // the prompt box's text and mode as the present text began with them
  let returning = false; // whether the browser has gone to another entry, whose view has not been drawn yet

  const read = (name) => {
    try {
      return sessionStorage.getItem(name);
    } catch { /* storage may be forbidden: a reload then begins anew */ }
    return null;
  };
  const write = (name, text) => {
    try {
      sessionStorage.setItem(name, text);
    } catch { /* a full or forbidden storage costs the reload only */ }
  };

  const typed = () => ({
    prompt: document.querySelector('#prompt textarea')?.value,
    mode: document.querySelector('#mode input:checked')?.value,
  });

  // --- opening --------------------------------------------------------------------------------------------------------
  /** The text of the link that this page was opened by, null where there is none. */
  function linked() {
    const text = new URLSearchParams(location.search).get(PARAMETER);
    if (!text || GRADIO.includes(text)) return null;
    // A frame's address stays as the page around it says, whose reload must not open the link again.
    return window !== window.top && text === read(OPENED) && read(SAVED) ? null : text;
  }

  /** What opening the page sends: a link, or else what it showed before a reload, or else the session as it is. */
  tokenscope.opening = function opening(session, prompt, mode) {
    const link = linked();
    if (link) return [{ link }, prompt, mode];
    try {
      const before = JSON.parse(read(SAVED));
      if (before?.view) return [before, before.prompt ?? prompt, before.mode ?? mode];
    } catch { /* what cannot be read is as good as nothing */ }
    return [session, prompt, mode];
  };

  /** Whether a link has opened this page. */
  tokenscope.byLink = linked() !== null;

  // --- the history ----------------------------------------------------------------------------------------------------
  const placeOf = ({ branches, branch, tab, precision }) => JSON.stringify([branches, branch, tab, precision]);

  function state(view) {
    const entry = { view, begun, stop: new URLSearchParams(location.search).get('stop') };
    return JSON.stringify(entry).length <= MOST_STATE ? { tokenscope: entry } : {};
  }

  /** The address without the link that it was opened by: what came later is kept elsewhere. */
  function address() {
    const text = linked();
    if (!text) return location.href;
    write(OPENED, text);
    const plain = new URL(location.href);
    plain.searchParams.delete(PARAMETER);
    return plain.href;
  }

  /**
   * Keeps a view that an answer brought. Where the text or the tab has changed it is a new entry of the history; all else, and
   * each further token of a play or of a held key, changes the present one. `filled` is what the answer put into the prompt box.
   */
  tokenscope.keep = function keep(view, { name, goesOn, more, filled }) {
    write(SAVED, JSON.stringify({ view, ...typed(), ...filled }));
    if (name === 'revisit') returning = false;
    if (returning) return; // an answer from before; the entry's own view is under way
    if (filled) begun = filled;
    else if (name === 'start' || name === 'show') begun = typed();
    else begun ??= history.state?.tokenscope?.begun ?? typed();
    const before = place;
    place = placeOf(view);
    if (goesOn && more && tokenscope.isPlaying()) return; // only the last one is kept: browsers bear few changes a second
    enter(view, before !== null && before !== place && !goesOn && name !== 'revisit');
  };

  function enter(view, anew) {
    try {
      if (anew) history.pushState(state(view), '', address());
      else history.replaceState(state(view), '', address());
    } catch { /* browsers refuse too many entries at once: the view is kept all the same, and Back goes further */ }
  }

  /** Something was chosen in a tab: the present entry keeps it. */
  tokenscope.chosen = function chosen() {
    if (!returning && tokenscope.view()) enter(tokenscope.view(), false);
  };

  window.addEventListener('tokenscope-stopped', () => {
    if (!returning && tokenscope.view()) enter(tokenscope.view(), false);
  });

  window.addEventListener('popstate', ({ state: gone }) => {
    const entry = gone?.tokenscope;
    if (!entry?.view) return;
    const same = JSON.stringify(entry.begun) === JSON.stringify(begun); // then what is typed now stays
    returning = true;
    tokenscope.act('revisit', same ? { view: entry.view } : { view: entry.view, ...entry.begun });
  });

  // What was typed since the last answer survives a reload, too.
  window.addEventListener('pagehide', () => {
    const view = tokenscope.view();
    if (view) write(SAVED, JSON.stringify({ view, ...typed() }));
  });
})();
