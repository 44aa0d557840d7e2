// The message line: notices, progress and errors as plain text, and a mark at the control that an error is about.
const line = element.querySelector('.ts-message');
const text = element.querySelector('.ts-message-text');
const bar = element.querySelector('.ts-meter');
let marked = null;
let drawn = 0; // when the server last said something
let covered = []; // elements that the server had nothing to draw for
let working = false; // whether the line tells of an answer that takes its time

// What the model computed no numbers for says so in its place, and what it showed before goes.
function cover(missing) {
  for (const host of covered) host.removeAttribute('data-missing');
  covered = Object.keys(missing).map((id) => document.getElementById(id)).filter(Boolean);
  for (const host of covered) host.setAttribute('data-missing', missing[host.id]);
}

function show({ kind, text: words, at, fraction }) {
  line.className = `ts-message ts-${kind}`;
  text.textContent = words;
  bar.hidden = kind !== 'progress';
  if (fraction === null || fraction === undefined) bar.removeAttribute('value');
  else bar.value = fraction;
  marked?.removeAttribute('data-error');
  marked = kind === 'error' && at ? document.getElementById(at) : null;
  marked?.setAttribute('data-error', words);
  window.dispatchEvent(new CustomEvent('tokenscope-error', { detail: { kind, at: marked ? at : '', words } }));
}

function draw() {
  if (props.value?.missing) cover(props.value.missing);
  // A report that was on its way when its question or play was stopped: it is late, and would stand here for good.
  if (props.value?.more && !window.tokenscope.busyFor()) return;
  working = false;
  drawn = performance.now();
  if (props.value) show(props.value);
}

// An answer that takes over a second says so, unless the server tells of its progress itself.
setInterval(() => {
  const waited = window.tokenscope.busyFor();
  if (waited > 1000 && performance.now() - drawn > 1000 && props.value?.kind !== 'progress') {
    working = true;
    show({ kind: 'progress', text: `Working, ${Math.floor(waited / 1000)} s`, at: '', fraction: null });
  } else if (!waited && working) draw();
}, 250);

window.tokenscope.failures.push((words) => show({ kind: 'error', text: words, at: '', fraction: null }));
window.addEventListener('tokenscope-stopped', () => show({ kind: 'notice', text: 'Stopped.', at: '', fraction: null }));
watch('value', draw);
draw();
