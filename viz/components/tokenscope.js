// What every component of the page shares: the queue of actions, typed arrays, numbers as text, colours, the tooltip.
window.tokenscope = (() => {
  const colours = window.tokenscopeColours;

  // --- actions -----------------------------------------------------------------------------------------------------
  // Everything a user does is an action { name, detail }. One is under way at a time: the next is sent when the answer
  // has arrived, with the view that the answer brought. So nothing is skipped, doubled or computed from a stale view.
  const MOST_WAITING = 50;
  // Of these the last one wins.
  const ABSOLUTE = new Set([
    'cursor', 'head', 'shade', 'window', 'tab', 'branch', 'decode', 'open_head', 'hide', 'colour', 'words', 'target',
    'against', 'reading', 'lens_colour', 'middle', 'layer', 'open_tab', 'changed', 'direction', 'strengthen', 'playground',
    'revisit',
  ]);
  const waiting = [];
  let session = null; // { send(action), stop(), view(), underWay() }, given by the session component
  let busy = true; // opening the page is the first action
  let latest = null; // the action that was sent last
  let began = performance.now(); // when the action that is waited for was sent
  let heard = 0; // when an answer came last
  let playing = null; // what goes on by itself until it is stopped: 'play', 'scan' or a long 'answer'

  // What is patient lets a play or a scan end by itself first.
  function act(name, detail = {}, { held = false, patient = false } = {}) {
    // A held key repeats faster than answers come: those repeats are dropped. Single presses are counted and kept.
    if (held && (busy || waiting.length)) return;
    if (playing && playing !== 'answer' && !patient) stop();
    const last = waiting.at(-1);
    if (last && last.name === name && ABSOLUTE.has(name)) last.detail = detail;
    else if (waiting.length < MOST_WAITING) waiting.push({ name, detail, held });
    pump();
  }

  function pump() {
    if (busy || !session || !waiting.length) return;
    const action = waiting.shift();
    busy = true;
    latest = action;
    began = performance.now();
    setPlaying(action.name === 'play' || action.name === 'scan' ? action.name : null);
    // The text box hands its text over when it loses the focus or is typed in; a pause lets the last letter arrive.
    if (action.name === 'start') setTimeout(() => session.send(action), 0);
    else session.send(action);
  }

  function stop() {
    if (!playing) return;
    session.stop();
    setPlaying(null);
    window.dispatchEvent(new CustomEvent('tokenscope-stopped'));
    busy = false;
    pump();
  }

  function setPlaying(name) {
    playing = name;
    document.body.classList.toggle('ts-playing', name === 'play');
    document.body.classList.toggle('ts-scanning', name === 'scan');
    document.body.classList.toggle('ts-answering', name === 'answer');
  }

  function answered(more) {
    heard = performance.now();
    if (more) return; // a play goes on, or a model is still loading
    setPlaying(null);
    busy = false;
    pump();
  }

  /** The answer that is waited for takes long; it can be stopped. */
  const following = () => setPlaying('answer');

  /** Whether an action of this name has not been sent yet. */
  const pending = (name) => waiting.some((action) => action.name === name);

  /** What was asked last: the detail that `act` was given, null before. */
  const asked = () => latest?.detail ?? null;

  /** Milliseconds since the action that is waited for was sent, 0 when none is. */
  const busyFor = () => (busy ? performance.now() - began : 0);

  /** The action that is waited for, with how many `answers` it has had and what waits `behind` it; null when there is none. */
  const underWay = () => (busy && session ? { ...session.underWay(), behind: waiting.map(({ name, detail }) => ({ name, detail })) } : null);

  /** Milliseconds since anything was heard of the action that is waited for, 0 when none is. */
  const silentFor = () => (busy ? performance.now() - Math.max(began, heard) : 0);

  // To gradio, what was stopped has failed: a play or a scan (then `name` says which) that goes on no more is no failure.
  function failed(name) {
    if (name && name !== playing) return;
    const under = underWay();
    waiting.length = 0;
    answered(false);
    window.dispatchEvent(new CustomEvent('tokenscope-failed', { detail: under }));
    const words = window.tokenscope.say('The server did not answer. Your text is kept on this page: try again.');
    for (const listener of failures) listener(words);
  }

  const failures = [];

  function connect(newSession) {
    session = newSession;
    pump();
  }

  // --- the view -----------------------------------------------------------------------------------------------------
  // What several components show of the selection (layer, head, key tokens) without an answer of their own.
  const viewListeners = new Set();

  function onView(listener) {
    viewListeners.add(listener);
    if (session?.view()) listener(session.view());
  }

  /** The view that the page shows, null before the first answer. */
  const view = () => session?.view() ?? null;

  function viewed(view) {
    for (const listener of viewListeners) listener(view);
  }

  // --- numbers -----------------------------------------------------------------------------------------------------
  const ARRAYS = { f4: Float32Array, f8: Float64Array, i4: Int32Array, u1: Uint8Array };

  function decode(packed) {
    const text = atob(packed.bdata);
    // A plain loop: a callback for each byte takes fifty milliseconds for a head of 512 tokens.
    const bytes = new Uint8Array(text.length);
    for (let index = 0; index < text.length; index += 1) bytes[index] = text.charCodeAt(index);
    return new ARRAYS[packed.dtype](bytes.buffer);
  }

  function percent(share) {
    if (Number.isNaN(share)) return '–';
    const value = share * 100;
    if (value > 0 && value < 0.01) return '<0.01 %';
    return `${value.toFixed(value < 10 ? 2 : 1)} %`;
  }

  const whole = (number) => Math.round(number).toLocaleString('en-US');

  // --- colours -----------------------------------------------------------------------------------------------------
  const theme = () => (document.body.classList.contains('dark') ? 'dark' : 'light');

  function mix(stops, share) {
    const place = Math.min(1, Math.max(0, share)) * (stops.length - 1);
    const index = Math.min(stops.length - 2, Math.floor(place));
    const part = (text, at) => parseInt(text.slice(at, at + 2), 16);
    const blend = [1, 3, 5].map((at) => {
      const low = part(stops[index], at);
      return Math.round(low + (part(stops[index + 1], at) - low) * (place - index));
    });
    return `rgb(${blend.join(',')})`;
  }

  const tint = (share) => mix(colours.tint[theme()], share);
  const gradient = (scale) => `linear-gradient(to right, ${colours[scale][theme()].join(', ')})`;

  const themeListeners = new Set();
  function onTheme(listener) {
    themeListeners.add(listener);
  }

  function watchTheme() {
    let before = theme();
    new MutationObserver(() => {
      if (theme() === before) return;
      before = theme();
      for (const listener of themeListeners) listener();
    }).observe(document.body, { attributes: true, attributeFilter: ['class'] });
  }

  function toggleTheme() {
    const dark = document.body.classList.toggle('dark');
    try {
      localStorage.setItem('tokenscope-theme', dark ? 'dark' : 'light');
    } catch { /* storage may be forbidden; the choice then lasts as long as the page */ }
  }

  function restoreTheme() {
    let chosen = null;
    try {
      chosen = localStorage.getItem('tokenscope-theme');
    } catch { /* as above */ }
    if (chosen && !new URLSearchParams(location.search).has('__theme')) {
      document.body.classList.toggle('dark', chosen === 'dark');
    }
  }

  // --- tooltip -------------------------------------------------------------------------------------------------------
  let tip = null;

  function showTip(x, y, lines) {
    if (!tip) {
      tip = document.createElement('div');
      tip.className = 'ts-tip';
      tip.setAttribute('role', 'tooltip');
      document.body.append(tip);
    }
    tip.replaceChildren(...lines.map((line, index) => {
      const row = document.createElement('div');
      row.className = index === 0 ? 'ts-tip-head' : '';
      row.textContent = line;
      return row;
    }));
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const left = Math.min(x + 14, window.innerWidth - box.width - 8);
    const top = y + 18 + box.height > window.innerHeight ? y - box.height - 12 : y + 18;
    tip.style.transform = `translate(${Math.max(8, left)}px, ${Math.max(8, top)}px)`;
  }

  function hideTip() {
    if (tip) tip.hidden = true;
  }

  return {
    act, asked, stop, answered, following, failed, failures, connect, isPlaying: () => Boolean(playing), onView, view, viewed,
    busyFor, silentFor, underWay, pending, decode, percent, whole,
    colours, theme, mix, tint, gradient, onTheme, watchTheme, toggleTheme, restoreTheme,
    showTip, hideTip,
  };
})();
