// The message line: notices, progress and errors as plain text, and a mark at the control that an error is about.
const line = element.querySelector('.ts-message');
const text = element.querySelector('.ts-message-text');
const bar = element.querySelector('.ts-meter');
let marked = null;

function show({ kind, text: words, at, fraction }) {
  line.className = `ts-message ts-${kind}`;
  text.textContent = words;
  bar.hidden = kind !== 'progress';
  if (fraction === null || fraction === undefined) bar.removeAttribute('value');
  else bar.value = fraction;
  marked?.removeAttribute('data-error');
  marked = kind === 'error' && at ? document.getElementById(at) : null;
  marked?.setAttribute('data-error', words);
  window.dispatchEvent(new CustomEvent('tokenscope-error', { detail: { at: marked ? at : '', words } }));
}

function draw() {
  if (props.value) show(props.value);
}

window.tokenscope.failures.push((words) => show({ kind: 'error', text: words, at: '', fraction: null }));
watch('value', draw);
draw();
