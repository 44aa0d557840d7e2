// One head's attention: the heatmap, the choice of layer and head, and the selected row as a list.
const { tokenscope } = window;
const picture = element.querySelector('.ts-picture');
const host = element.querySelector('.ts-figure');
const keys = element.querySelector('.ts-keys');
const windowSelect = element.querySelector('select');
const inputs = { layer: element.querySelector('#attention-layer'), head: element.querySelector('#attention-head') };
const LISTED = 8;
let payload = null;
let arrays = null;

// A square that keeps its size while the text grows, so that nothing jumps.
// The room for labels grows in few steps for the same reason.
function sizeOf() {
  const side = Math.max(260, Math.min(picture.clientWidth, 600));
  const longest = Math.max(...payload.figure.layout.xaxis.ticktext.map((text) => text.length));
  const labels = longest <= 5 ? 48 : longest <= 8 ? 70 : 94;
  return { width: side, height: side, margin: { l: labels, t: labels, r: 2, b: 2, pad: 2 }, ticks: ticksFor(side - labels) };
}

// Where cells are lower than the smallest readable letter, only some are named; hovering names every one.
const SMALLEST = 7.5;

function ticksFor(length) {
  const { tickvals, ticktext } = payload.figure.layout.xaxis;
  const cell = length / tickvals.length;
  const every = Math.ceil(SMALLEST / cell);
  const named = (_, index) => (tickvals.length - 1 - index) % every === 0; // always the newest
  return {
    tickvals: tickvals.filter(named),
    ticktext: ticktext.filter(named),
    tickfont: { size: Math.max(SMALLEST, Math.min(11, cell * every)) },
  };
}

const named = (position) => `“${payload.labels[position]}” (${position})`;

function hover(point, event) {
  const [key, query] = [payload.start + point.x, payload.start + point.y];
  const lines = [`from ${named(query)}`, `to ${named(key)}`];
  if (key > query || point.z === null || Number.isNaN(point.z)) lines.push('masked: it cannot look there');
  else lines.push(`weight ${point.z.toFixed(6)}`);
  if (arrays.sink[point.y] > 0) lines.push(`sink ${arrays.sink[point.y].toFixed(6)}`);
  if (arrays.outside[point.y] > 0) lines.push(`outside the window ${tokenscope.percent(arrays.outside[point.y])}`);
  tokenscope.showTip(event.clientX, event.clientY, lines);
}

const figure = tokenscope.figure(host, {
  sizeOf,
  onPick: (point) => tokenscope.act('cursor', { position: payload.start + point.y }),
  onHover: hover,
});

function makeKey() {
  const row = document.createElement('button');
  row.type = 'button';
  row.className = 'ts-key-row';
  for (const name of ['ts-label', 'ts-track', 'ts-number']) {
    const part = document.createElement('span');
    part.className = name;
    row.append(part);
  }
  row.children[1].append(document.createElement('span'));
  row.children[1].firstChild.className = 'ts-final';
  return row;
}

function drawKeys() {
  const order = [...arrays.row.keys()].sort((a, b) => arrays.row[b] - arrays.row[a] || a - b).slice(0, LISTED);
  while (keys.children.length < order.length) keys.append(makeKey());
  while (keys.children.length > order.length) keys.lastElementChild.remove();
  order.forEach((position, index) => {
    const row = keys.children[index];
    const [label, track, number] = row.children;
    row.dataset.key = position;
    row.setAttribute('aria-label', `${named(position)}, ${tokenscope.percent(arrays.row[position])}`);
    label.textContent = `${payload.labels[position]}`;
    track.firstChild.style.width = `${arrays.row[position] * 100}%`;
    number.textContent = tokenscope.percent(arrays.row[position]);
  });
}

function drawControls() {
  const counts = { layer: payload.layers, head: payload.heads };
  for (const [name, input] of Object.entries(inputs)) {
    input.max = counts[name] - 1;
    if (document.activeElement !== input || Number(input.value) !== payload[name]) input.value = payload[name];
    input.parentElement.querySelector('.ts-range').textContent = `of 0–${counts[name] - 1}`;
    input.parentElement.querySelector('[data-by="-1"]').disabled = payload[name] === 0;
    input.parentElement.querySelector('[data-by="1"]').disabled = payload[name] === counts[name] - 1;
  }
  windowSelect.value = payload.window;
  element.querySelector('.ts-shown').textContent = payload.shown;
}

function draw() {
  if (!props.value) return;
  payload = props.value;
  const missing = element.querySelector('.ts-unavailable');
  missing.hidden = !payload.unavailable;
  missing.textContent = payload.unavailable || '';
  picture.hidden = Boolean(payload.unavailable);
  drawControls();
  if (payload.unavailable) {
    keys.replaceChildren();
    return;
  }
  arrays = Object.fromEntries(['row', 'outside', 'sink'].map((name) => [name, tokenscope.decode(payload[name])]));
  element.querySelector('.ts-facts-line').textContent = payload.facts;
  element.querySelector('.ts-looks').textContent = `${named(payload.cursor)} looks at`;
  host.dataset.layer = payload.layer;
  host.dataset.head = payload.head;
  drawKeys();
  figure.draw(payload.figure);
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
  const button = event.target.closest('.ts-stepper button');
  if (button) {
    const { name } = button.parentElement.dataset;
    choose(name, payload[name] + Number(button.dataset.by));
    return;
  }
  const row = event.target.closest('.ts-key-row');
  if (row) tokenscope.act('cursor', { position: Number(row.dataset.key) });
});
windowSelect.addEventListener('change', () => tokenscope.act('window', { window: Number(windowSelect.value) }));

function drawScale() {
  element.querySelector('.ts-ramp').style.backgroundImage = tokenscope.gradient('sequential');
}
tokenscope.onTheme(drawScale);
drawScale();
watch('value', draw);
draw();
