// The walk through the chapter: one stop at a time. Which stop is open stands in the address, so that a link opens it.
const { tokenscope } = window;
const { make, say } = tokenscope;
const at = (selector) => element.querySelector(selector);
const all = at('.ts-walk-all');
const KEPT = 'tokenscope-stop'; // tells a reload, which keeps the open tab, from a link, which opens the stop's
let stop = null; // from 0; null while the walk is closed
let last = 0; // where it goes on when it is opened again
let trying = null; // what was pressed, until the prompt has been filled in

const stops = () => props.value?.stops || [];
const asked = () => Number(new URLSearchParams(location.search).get('stop')) - 1;

// --- the address --------------------------------------------------------------------------------------------------------
function remember() {
  const address = new URL(location.href);
  if (stop === null) address.searchParams.delete('stop');
  else address.searchParams.set('stop', stop + 1);
  history.replaceState(history.state, '', `${address.search || location.pathname}${address.hash}`);
  try {
    if (stop === null) sessionStorage.removeItem(KEPT);
    else sessionStorage.setItem(KEPT, String(stop));
  } catch { /* storage may be forbidden: a reload then opens the stop's first tab */ }
}

function isReload() {
  if (tokenscope.byLink) return true; // a link has its own tab
  try {
    return sessionStorage.getItem(KEPT) === String(asked());
  } catch {
    return false;
  }
}

// --- drawing ------------------------------------------------------------------------------------------------------------
function drawTries() {
  at('.ts-walk-tries').replaceChildren(...stops()[stop].tries.map((one, index) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'ts-walk-try';
    make('span', '', button, one.label);
    if (one.begins || one.refused) make('small', '', button, one.refused || one.begins);
    button.disabled = Boolean(one.refused);
    button.addEventListener('click', () => attempt(index));
    return button;
  }));
}

function draw() {
  const open = stop !== null && stop < stops().length;
  at('.ts-walk-open').hidden = open;
  at('.ts-walk-stop').hidden = !open;
  if (!open) return;
  const { words, lacks, figures } = stops()[stop];
  at('.ts-walk-count').textContent = say('Stop {number} of {count}', { number: stop + 1, count: stops().length });
  all.replaceChildren(...stops().map(({ title }, index) => new Option(`${index + 1}. ${title}`, index)));
  all.value = String(stop);
  at('.ts-walk-words').textContent = words;
  at('.ts-walk-lacks').textContent = lacks.join(' ');
  at('.ts-walk-figures').textContent = say('Hands-On LLMs, figures {figures}', { figures });
  at('.ts-walk-back').disabled = stop === 0;
  at('.ts-walk-next').disabled = stop === stops().length - 1;
  drawTries();
}

// --- going --------------------------------------------------------------------------------------------------------------
function go(to) {
  if (!(to >= 0 && to < stops().length)) return;
  const focused = document.activeElement;
  stop = last = to;
  remember();
  draw();
  if (focused?.disabled) at(focused === at('.ts-walk-next') ? '.ts-walk-back' : '.ts-walk-next').focus();
  tokenscope.act('open_tab', { tab: stops()[stop].tab });
}

function close() {
  stop = null;
  remember();
  draw();
  at('.ts-walk-open').focus();
}

function attempt(index) {
  trying = stops()[stop].tries[index];
  if (trying.begins) trigger('pick', { stop, index });
  else arrive();
}

// The tab with what is selected in it.
function arrive() {
  const { tab, head, cursor, keys } = trying;
  tokenscope.act('open_tab', head ? { tab, layer: head[0], head: head[1] } : { tab });
  for (const position of keys) tokenscope.act('key', { position });
  if (cursor !== null) tokenscope.act('cursor', { position: cursor });
  trying = null;
}

window.addEventListener('tokenscope-filled', () => {
  if (!trying) return;
  tokenscope.act('start');
  arrive();
});
// The browser's Back and Forward: the stop that was open then.
window.addEventListener('popstate', ({ state }) => {
  if (!state?.tokenscope) return;
  const before = Number(state.tokenscope.stop) - 1;
  stop = stops()[before] ? before : null;
  remember();
  draw();
});
window.addEventListener('tokenscope-walk', ({ detail }) => { if (stop !== null) go(stop + detail); });
at('.ts-walk-open').addEventListener('click', () => {
  go(last);
  at('.ts-walk-next').focus();
});
at('.ts-walk-back').addEventListener('click', () => go(stop - 1));
at('.ts-walk-next').addEventListener('click', () => go(stop + 1));
at('.ts-walk-close').addEventListener('click', close);
all.addEventListener('change', () => {
  go(Number(all.value));
  all.blur(); // so that the next key walks or steps
});

// The stops come with the first answer, and again with another model.
let opened = false;
watch('value', () => {
  if (opened || !stops().length) return draw();
  opened = true;
  if (!stops()[asked()]) return draw();
  if (!isReload()) {
    go(asked());
    return at('.ts-walk-stop').scrollIntoView({ block: 'nearest' }); // in a narrow window it lies far down
  }
  stop = last = asked();
  return draw();
});
