// A load of a model: how far it is, the button that stops it, and why it failed. It passes beside the queue of actions, so the page can
// be used meanwhile; when the model is ready, showing it is an action that waits its turn.
const { tokenscope } = window;
const { say } = tokenscope;
const block = element.querySelector('.ts-loading');
const words = element.querySelector('.ts-loading-words');
const bar = element.querySelector('.ts-loading-bar');
const cancel = element.querySelector('.ts-loading-cancel');
const wrong = element.querySelector('.ts-not-loaded');
let tried = ''; // the name that was asked for last
let ticket = null; // of the load that this page waits for
let last = 0;
let next = null; // the action that follows when it is there
const LONG = 170; // characters of an error that fit beside the picker; longer ones have a line of their own

/** Loads a model and then shows it, or does what comes `then`: [action, detail]. A load that is under way on this page ends. */
tokenscope.loadModel = ({ name, precision, then = null }) => {
  last += 1;
  next = then;
  ticket = last;
  tried = name;
  wrong.hidden = true;
  show(say('Loading {name}', { name }), null);
  trigger('begin', { ticket, name, precision });
};

tokenscope.loadFailed = () => {
  if (ticket === null) return;
  hide();
  for (const listener of tokenscope.failures) listener(say('The server stopped answering while it loaded. Try again.'));
};

function show(text, fraction) {
  words.textContent = text;
  words.title = text;
  if (fraction === null || fraction === undefined) bar.removeAttribute('value');
  else bar.value = fraction;
  bar.setAttribute('aria-label', text);
  block.hidden = false;
  cancel.disabled = false;
}

function hide() {
  const focused = block.contains(document.activeElement);
  ticket = null;
  block.hidden = true;
  if (focused) document.activeElement.blur(); // so that the next arrow key steps
}

function stop() {
  cancel.disabled = true;
  words.textContent = say('Stopping');
  trigger('leave', {});
}

cancel.addEventListener('click', stop);
document.addEventListener('keydown', (event) => {
  // Escape belongs first to what is open and to what one types in.
  if (event.key !== 'Escape' || event.defaultPrevented || ticket === null || cancel.disabled) return;
  if (event.target.closest?.('input, textarea, select')) return;
  stop();
});

watch('value', () => {
  const value = props.value;
  if (!value || value.ticket !== ticket) return; // a load that this page no longer waits for
  if (value.state === 'loading') {
    if (!cancel.disabled) show(value.text, value.fraction);
    return;
  }
  hide();
  if (value.state === 'ready') {
    const [action, detail] = next ?? ['show', { name: value.name, precision: value.precision }];
    tokenscope.act(action, detail, { patient: true });
  }
});

// What is wrong stays until it is closed or the next answer comes.
window.addEventListener('tokenscope-error', ({ detail }) => {
  if (detail.kind === 'progress') return;
  wrong.hidden = detail.at !== 'model-picker' || ticket !== null;
  wrong.querySelector('p').textContent = wrong.hidden ? '' : detail.words;
  wrong.classList.toggle('ts-long', detail.words.length > LONG);
});
wrong.querySelector('.ts-mend').addEventListener('click', (event) => {
  event.stopPropagation(); // a click beside the picker would close it
  tokenscope.openPicker(tried);
});
wrong.querySelector('.ts-dismiss').addEventListener('click', () => {
  wrong.hidden = true;
});
