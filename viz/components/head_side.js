// What stands beside the large head: the choice of layer and head, its facts and switch, the selected row as a list.
const { tokenscope } = window;
const { later, make, say } = tokenscope;
const keys = element.querySelector('.ts-keys');
const inputs = { layer: element.querySelector('#attention-layer'), head: element.querySelector('#attention-head') };
const off = element.querySelector('.ts-switch');
const by = element.querySelector('.ts-by');
const LISTED = 8;
const WAYS = { zero: later('zero'), mean: later('mean') };
let payload = null;

function makeKey() {
  const line = make('div', 'ts-key-line');
  const row = make('button', 'ts-key-row');
  row.append(make('span', 'ts-label'), make('span', 'ts-track'), make('span', 'ts-number'));
  row.children[1].append(make('span', 'ts-final'));
  const ask = make('button', 'ts-ask');
  line.append(row, ask);
  return line;
}

const named = (unit, position) => `“${payload.labels[unit]}” (${position})`;

function drawKeys(row, last) {
  const order = [...row.keys()].filter((unit) => !Number.isNaN(row[unit])).sort((a, b) => row[b] - row[a] || a - b).slice(0, LISTED);
  const chosen = new Set(payload.keys);
  while (keys.children.length < order.length) keys.append(makeKey());
  while (keys.children.length > order.length) keys.lastElementChild.remove();
  order.forEach((unit, index) => {
    const [button, ask] = keys.children[index].children;
    const [label, track, number] = button.children;
    const position = last[unit];
    button.dataset.key = ask.dataset.key = position;
    button.setAttribute('aria-label', `${named(unit, position)}, ${tokenscope.percent(row[unit])}`);
    label.textContent = payload.labels[unit];
    track.firstChild.style.width = `${row[unit] * 100}%`;
    number.textContent = tokenscope.percent(row[unit]);
    ask.textContent = chosen.has(position) ? '✓' : '+';
    ask.title = chosen.has(position) ? say('no longer ask about this token') : say('which head looks at this token?');
    ask.setAttribute('aria-pressed', String(chosen.has(position)));
    ask.setAttribute('aria-label', say('which head looks at {token}?', { token: named(unit, position) }));
  });
}

function drawControls() {
  const counts = { layer: payload.layers, head: payload.heads };
  for (const [name, input] of Object.entries(inputs)) {
    input.max = counts[name] - 1;
    if (document.activeElement !== input || Number(input.value) !== payload[name]) input.value = payload[name];
    input.disabled = counts[name] === 0;
    input.parentElement.querySelector('.ts-range').textContent =
      counts[name] ? say('of 0–{last}', { last: counts[name] - 1 }) : say('none');
    input.parentElement.querySelector('[data-by="-1"]').disabled = payload[name] === 0;
    input.parentElement.querySelector('[data-by="1"]').disabled = payload[name] >= counts[name] - 1;
  }
  const way = payload.off ? say(WAYS[payload.off]) : '';
  off.textContent = payload.off ? say('off ({way}): switch on  X', { way }) : say('switch off  X');
  off.setAttribute('aria-pressed', String(Boolean(payload.off)));
  by.value = payload.off || tokenscope.offBy;
}

function drawHidden() {
  const note = element.querySelector('.ts-hidden-note');
  note.hidden = !payload.hidden;
  if (payload.hidden) note.textContent = say('{share} of this row is hidden; the rest is scaled up to 1.', { share: tokenscope.percent(payload.hidden.row) });
}

function draw() {
  if (!props.value) return;
  payload = props.value;
  drawControls();
  element.querySelector('.ts-facts-line').textContent = payload.facts || '';
  if (payload.unavailable) {
    keys.replaceChildren();
    return;
  }
  const [row, last] = [tokenscope.decode(payload.row), tokenscope.decode(payload.last)];
  element.querySelector('.ts-looks').textContent = say('{token} looks at', { token: named(row.length - 1, payload.cursor) });
  drawHidden();
  drawKeys(row, last);
}

function choose(name, number) {
  const chosen = { layer: payload.layer, head: payload.head, [name]: number };
  const counts = { layer: payload.layers, head: payload.heads };
  if (!Number.isInteger(number) || number < 0 || number >= counts[name]) return;
  // Shown at once, so that quick presses count on from each other; the answer confirms it.
  payload = { ...payload, ...chosen };
  inputs[name].value = number;
  tokenscope.act('head', chosen);
}

for (const [name, input] of Object.entries(inputs)) {
  input.addEventListener('input', () => choose(name, Number(input.value)));
  input.addEventListener('blur', () => { input.value = payload[name]; });
}
element.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (!button) return;
  if (button.dataset.by) {
    const { name } = button.parentElement.dataset;
    choose(name, payload[name] + Number(button.dataset.by));
  } else if (button.classList.contains('ts-pin')) {
    tokenscope.act('pin', { method: 'head', scope: 'head', keep: false });
  } else if (button === off) {
    tokenscope.act('switch', { layer: payload.layer, head: payload.head, by: payload.off || by.value });
  } else {
    tokenscope.act(button.classList.contains('ts-ask') ? 'key' : 'cursor', { position: Number(button.dataset.key) });
  }
});
by.addEventListener('change', () => {
  tokenscope.offBy = by.value;
  // Of a head that is off, the way changes at once.
  if (payload.off) tokenscope.act('switch', { layer: payload.layer, head: payload.head, by: by.value });
});

watch('value', draw);
draw();
