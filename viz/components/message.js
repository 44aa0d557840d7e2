// The message line: notices, progress and errors as plain text, a mark at the control that an error is about, and sometimes
// a button for what may be done about it.
const { say, sayMany } = window.tokenscope;
const line = element.querySelector('.ts-message');
const text = element.querySelector('.ts-message-text');
const bar = element.querySelector('.ts-meter');
const button = element.querySelector('.ts-message-button');
let marked = null;
let drawn = 0; // when the server last said something
let last = ''; // what the server said last
let opened = false; // whether the first answer has come
let covered = []; // elements that the server had nothing to draw for
let working = false; // whether the line tells of an answer that takes its time
let before = null; // how many visitors have their turn before this page, while it waits for one

// What the model computed no numbers for says so in its place, and what it showed before goes.
function cover(missing) {
  for (const host of covered) host.removeAttribute('data-missing');
  covered = Object.keys(missing).map((id) => document.getElementById(id)).filter(Boolean);
  for (const host of covered) host.setAttribute('data-missing', missing[host.id]);
}

function show({ kind, text: words, at, fraction, quiet = false, button: offer = null }) {
  // Read aloud: what is news. Of progress that is its beginning; of a step the strip says more.
  const goesOn = kind === 'progress' && line.classList.contains('ts-progress');
  line.setAttribute('aria-live', quiet || goesOn ? 'off' : 'polite');
  line.className = `ts-message ts-${kind}`;
  text.textContent = words;
  bar.hidden = kind !== 'progress';
  if (fraction === null || fraction === undefined) bar.removeAttribute('value');
  else bar.value = fraction;
  button.hidden = !offer;
  button.textContent = offer?.title ?? '';
  button.onclick = offer?.press ?? null;
  marked?.removeAttribute('data-error');
  marked = kind === 'error' && at ? document.getElementById(at) : null;
  marked?.setAttribute('data-error', words);
  window.dispatchEvent(new CustomEvent('tokenscope-error', { detail: { kind, at: marked ? at : '', words, quiet } }));
}

function draw() {
  if (props.value?.missing) cover(props.value.missing);
  // A report that was on its way when its question or play was stopped: it is late, and would stand here for good.
  if (props.value?.more && !window.tokenscope.busyFor()) return;
  working = false;
  drawn = performance.now();
  if (!props.value) return;
  const { before: ahead = null, text: words } = props.value;
  show({ ...props.value, text: ahead === null ? words : inWords(ahead) });
  if (opened || props.value.more) return; // "Go on" is to stay until it is pressed
  opened = true;
  window.tokenscope.cameBack();
}

// An answer that takes over a second says so: with the page's place among those that wait for the model, or else, unless
// the server tells of its progress itself, with the seconds.
setInterval(() => {
  if (document.body.classList.contains('ts-lost')) return; // reconnect.js has said what there is to say
  const waited = window.tokenscope.busyFor();
  const slow = waited > 1000 && performance.now() - drawn > 1000;
  if (!slow) before = null;
  else window.dispatchEvent(new CustomEvent('tokenscope-slow'));
  const told = before === null ? say('Working, {seconds} s', { seconds: Math.floor(waited / 1000) }) : inWords(before);
  if (slow && (before !== null || props.value?.kind !== 'progress')) {
    working = true;
    show({ kind: 'progress', text: told, at: '', fraction: null });
  } else if (working && (slow || !waited)) draw();
}, 250);

function inWords(visitors) {
  if (!visitors) return say('Waiting for the model: you are next');
  return sayMany('Waiting for the model: {count} visitor before you', 'Waiting for the model: {count} visitors before you', visitors);
}

window.addEventListener('tokenscope-place', ({ detail }) => { before = detail.before; });

window.tokenscope.failures.push((words) => {
  if (!document.body.classList.contains('ts-lost')) show({ kind: 'error', text: words, at: '', fraction: null });
});
window.addEventListener('tokenscope-tell', ({ detail }) => show({ at: '', fraction: null, ...detail }));
window.addEventListener('tokenscope-stopped', () => show({ kind: 'notice', text: say('Stopped.'), at: '', fraction: null }));
watch('value', () => {
  const told = JSON.stringify(Object.entries(props.value ?? {}).sort());
  if (told !== last) draw(); // a last answer comes once more, its fields in another order: what was told since is to stay
  last = told;
});
draw();
